"""The portable options: each one is done by the backend or by the core, or refused; none is ignored."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from bottle_conformance.observing import so_far
from bottle_conformance.operating import SURELY, attempt, await_printed, crowd
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject

    Launch = Callable[..., AbstractContextManager[Subject]]

OPTIONS = 'docs/options.md'
LIMIT = 1024  # bytes of a body
THREADS = 3
FORWARDED = 'X-Forwarded-For: 192.0.2.7'
ROW = re.compile(r'(?P<given>[* ]) (?P<option>\w+) .*  (?P<kind>native|core|refused)  ')
LOGGED = re.compile(r'^\{.*"path": "/logged.*\}$', re.MULTILINE)
CHOSEN = ('server', 'bind', 'backend')  # what every start gives, or what is tested by a name that does not exist
APART = ('certfile', 'keyfile', 'cert', 'access_log_file', 'socket_mode')  # what needs files, or another place
GIVEN: dict[str, dict[str, Any]] = {  # one way to give each option, with what it needs
    'backlog': {'backlog': 5},
    'socket_mode': {'socket_mode': '600', 'bind': 'unix:/no/such/folder/a.sock'},
    'threads': {'threads': 5},
    'workers': {'workers': 2},
    'worker_timeout': {'worker_timeout': 9},
    'max_requests': {'max_requests': 9},
    'max_requests_jitter': {'max_requests_jitter': 9, 'max_requests': 9},
    'graceful_timeout': {'graceful_timeout': 9},
    'certfile': {'certfile': '/no/such/cert.pem'},
    'keyfile': {'keyfile': '/no/such/key.pem', 'certfile': '/no/such/cert.pem'},
    'cert': {'cert': 'adhoc'},
    'max_body': {'max_body': 5},
    'health': {'health': '/healthz'},
    'trusted_proxies': {'trusted_proxies': '192.0.2.1'},
    'access_log': {'access_log': 'json'},
    'access_log_file': {'access_log_file': '/no/such/folder/log', 'access_log': 'json'},
    'quiet': {'quiet': True},
    'reload': {'reload': True},
    'reload_interval': {'reload_interval': 9},
    'reload_include': {'reload_include': '*.py'},
    'reload_exclude': {'reload_exclude': '*.pyc'},
}


def arguments(given: dict[str, Any]) -> list[str]:
    """Return options as arguments of the command line."""
    names = {name: '-b' if name == 'bind' else f'--{name.replace("_", "-")}' for name in given}
    return [
        part
        for name, value in given.items()
        for part in ([names[name]] if value is True else [names[name], str(value)])
    ]


def kinds(adapter: type[ServerAdapter]) -> dict[str, str]:
    """Return what is declared to become of each option: native, core or refused."""
    from bottle.serving.options import ServerOptions
    from bottle.serving.translation import fates

    said = {name: fates(adapter, ServerOptions(**given)) for name, given in GIVEN.items()}
    return {name: each.kind for name, found in said.items() for each in found if each.option == name}


def explained(name: str, *options: str) -> dict[str, tuple[str, bool]]:
    """Return what `--explain` says of each option: what becomes of it, and whether it was given."""
    said = attempt(name, '--explain', *options)
    assert said.code == 0, said.lines
    rows = [ROW.match(line) for line in said.lines[: said.lines.index('')]]
    return {row['option']: (row['kind'], row['given'] == '*') for row in rows if row}


class OptionsSuite:
    """What the portable options become on this server."""

    @rule(4, OPTIONS)
    def test_every_option_is_explained_as_declared(self, adapter: type[ServerAdapter], subject_name: str) -> None:
        """--explain lists each portable option: native, core or refused, as the declarations of the adapter have it."""
        from bottle.serving.options import portable_options

        said = explained(subject_name)
        assert list(said) == list(portable_options())
        assert {name: kind for name, (kind, _) in said.items() if name not in CHOSEN} == kinds(adapter)

    @rule(4, OPTIONS)
    def test_what_is_not_refused_is_taken(self, adapter: type[ServerAdapter], subject_name: str) -> None:
        """All other options can be given together."""
        taken = [name for name, kind in kinds(adapter).items() if kind != 'refused' and name not in APART]
        given = arguments({name: GIVEN[name][name] for name in taken})
        said = explained(subject_name, *given)
        assert set(taken) <= {name for name, (_, was) in said.items() if was}

    @rule(4, OPTIONS)
    def test_what_is_refused_is_refused_by_name(self, adapter: type[ServerAdapter], subject_name: str) -> None:
        """An option that neither backend nor core can do ends the start with one line that names server and option."""
        for name in (name for name, kind in kinds(adapter).items() if kind == 'refused'):
            refused = attempt(subject_name, *arguments(GIVEN[name]))
            assert refused.code != 0, name
            [line] = refused.lines
            needed = [each for each, value in GIVEN[name].items() if each in line or str(value) in line]
            assert needed, line
            assert repr(adapter.name) in line

    @rule(4, OPTIONS)
    def test_an_unknown_option_is_refused(self, adapter: type[ServerAdapter], subject_name: str) -> None:
        """A misspelt option of the backend ends the start with one line that offers what it may have been."""
        if adapter(port=0).native_options() is None:
            pytest.skip('the backend does not tell which options it has')
        refused = attempt(subject_name, '-o', 'treads=3')
        [line] = refused.lines
        assert refused.code != 0
        assert "no option 'treads'" in line
        assert 'Did you mean' in line

    @rule(4, 'docs/options.md, threads', needs='threads_option')
    def test_so_many_threads_answer(self, launch: Launch) -> None:
        """With --threads 3, three requests run at once and a fourth one waits for them."""
        with launch('--threads', str(THREADS)) as server, crowd(server, THREADS, patience=SURELY) as running:
            assert running.held == THREADS
            assert not running.join()
            assert [each.body for each in running.release()] == [b'held'] * (THREADS + 1)

    @pytest.fixture(scope='class')
    @classmethod
    def equipped(cls, launch: Launch) -> Iterator[Subject]:
        """Start a server with several options that do not get in each other's way."""
        others = ('--access-log', 'json', '--trusted-proxies', '127.0.0.1', '--health', '/healthz')
        with launch('--max-body', str(LIMIT), *others) as server:
            yield server

    @rule(4, 'docs/options.md, max_body', 'RFC 9110, 15.5.14', needs='http')
    def test_a_body_that_is_too_long_is_refused(self, equipped: Subject) -> None:
        """A body as long as the limit arrives; one byte more is answered with 413, and never handed on."""
        body = bytes(LIMIT)
        assert equipped.ask('/digest', f'Content-Length: {LIMIT}', method='POST', body=body).status == 200
        identity = new_identity()
        refused = equipped.ask(
            '/digest', f'Content-Length: {LIMIT + 1}', method='POST', body=body + b'x', identity=identity
        )
        assert refused.status == 413
        assert so_far(equipped, identity, 'called') == []

    @rule(4, 'docs/options.md, max_body', 'RFC 9110, 15.5.14', needs='chunked_requests')
    def test_a_chunked_body_as_long_as_the_limit_arrives(self, equipped: Subject) -> None:
        """What is limited is the body, without the framing of its chunks."""
        status, identity = self._send_chunks(equipped, LIMIT)
        assert (status, equipped.told(identity, 'body')['length']) == (200, LIMIT)

    @rule(4, 'docs/options.md, max_body', 'RFC 9110, 15.5.14', needs='chunked_requests')
    def test_a_chunked_body_that_is_too_long_is_refused(self, equipped: Subject) -> None:
        """One byte more than the limit is answered with 413, and the application does not get a whole body."""
        status, identity = self._send_chunks(equipped, LIMIT + 1)
        assert (status, so_far(equipped, identity, 'body')) == (413, [])

    def _send_chunks(self, server: Subject, length: int) -> tuple[int, str]:
        """Send a chunked body; return the status, and the identity of the request."""
        body = b'%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n' % (1000, bytes(1000), length - 1000, bytes(length - 1000))
        identity = new_identity()
        answer = server.ask('/digest', 'Transfer-Encoding: chunked', method='POST', body=body, identity=identity)
        return answer.status, identity

    @rule(4, 'docs/running.md, "Logging"')
    def test_each_request_is_logged_once(self, equipped: Subject) -> None:
        """With --access-log json, one line tells method, path, status and client of each request."""
        for path in ('/logged/a', '/logged/b?c=d'):
            equipped.ask(path)
        logged = [json.loads(line) for line in await_printed(equipped, LOGGED, 2)]
        first, second = sorted(logged, key=lambda each: str(each['path']))  # threads may log in another order
        assert [each['path'] for each in (first, second)] == ['/logged/a', '/logged/b']
        assert (second['method'], second['status'], second['query']) == ('GET', 200, 'c=d')
        assert second['remote_addr'] == '127.0.0.1'

    @rule(4, 'docs/running.md, "Health"')
    def test_health_is_reported(self, equipped: Subject) -> None:
        """With --health, that path is answered with 200 while the server is ready, and the application is not asked."""
        identity = new_identity()
        answer = equipped.ask('/healthz', identity=identity)
        assert (answer.status, answer.body) == (200, b'ready\n')
        assert so_far(equipped, identity, 'called') == []

    @rule(4, 'docs/running.md, "Behind a proxy"')
    def test_a_trusted_proxy_is_believed(self, equipped: Subject) -> None:
        """With --trusted-proxies, the application is told the client that a proxy names."""
        assert equipped.called('/', FORWARDED)['REMOTE_ADDR'] == ['str', '192.0.2.7']

    @rule(4, 'docs/running.md, "Behind a proxy"')
    def test_nobody_else_is_believed(self, launch: Launch) -> None:
        """Without that option, what a client says about itself changes nothing."""
        with launch() as server:
            said = ('X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Prefix: /evil')
            environ = server.called('/', FORWARDED, *said)
            assert environ['REMOTE_ADDR'][1] == '127.0.0.1'
            assert environ['wsgi.url_scheme'][1] == 'http'
            assert (environ['HTTP_HOST'][1], environ['SCRIPT_NAME'][1]) == ('kit.example', '')
