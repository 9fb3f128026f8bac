"""From what is asked for to an adapter: who gives which option, and what an instance is not told any more."""

from collections.abc import Mapping
from typing import Any

import pytest

from bottle import ServerAdapter
from bottle.errors import ServerOptionError
from bottle.serving.builtin import WSGIRefServer
from bottle.serving.configuration import FileOptions
from bottle.serving.preparation import Invocation, choose, make


class Legacy(ServerAdapter):
    """An adapter of the time of Bottle 0.13."""

    def run(self, handler: Any) -> None:
        """Do nothing."""


def invocation(
    server: str | type[ServerAdapter] | ServerAdapter, keywords: Mapping[str, Any] | None = None, **given: Any
) -> Invocation:
    return Invocation(server=server, given=given, keywords=keywords or {}, environ={})


def test_options_of_the_backend_come_from_the_command_line_and_from_keywords() -> None:
    both = invocation('wsgiref', {'handler_class': int, 'backend': {'server_class': str}}, backend={'threaded': False})
    assert make(choose(both)).adapter.options == {'threaded': False, 'handler_class': int, 'server_class': str}


def test_options_of_the_backend_are_merged_with_those_of_files() -> None:
    files = [FileOptions('a.toml', {'backend': {'threaded': True, 'server_class': 'file'}})]
    asked = Invocation(server='wsgiref', given={'backend': {'threaded': False}}, files=files, environ={})
    assert choose(asked).options.backend == {'threaded': False, 'server_class': 'file'}


def test_the_server_is_named_by_the_highest_place() -> None:
    files = [FileOptions('a.toml', {'server': 'waitress'})]
    environ = {'BOTTLE_SERVER': 'gevent'}

    def name(server: str | None, files: list[FileOptions], environ: Mapping[str, str]) -> str:
        return choose(Invocation(server=server, given={}, files=files, environ=environ)).adapter_class.name

    assert name('paste', files, environ) == 'paste'
    assert name(None, files, environ) == 'waitress'
    assert name(None, [], environ) == 'gevent'
    assert name(None, [], {}) == 'wsgiref'


@pytest.mark.parametrize(
    ('keywords', 'given', 'named'),
    [
        ({}, {'port': 9001}, 'port'),
        ({}, {'host': '::1'}, 'host'),
        ({'thraded': False}, {}, 'thraded'),
        ({'threaded': False}, {'port': 1}, 'port, threaded'),
    ],
)
def test_what_an_instance_was_made_without(keywords: dict[str, Any], given: dict[str, Any], named: str) -> None:
    adapter = WSGIRefServer(host='127.0.0.1', port=9000)
    with pytest.raises(ServerOptionError, match=rf'made without this {named}: give that to WSGIRefServer\(\.\.\.\)'):
        choose(invocation(adapter, keywords, **given))


def test_an_instance_may_be_told_again_what_it_has() -> None:
    chosen = choose(invocation(WSGIRefServer(host='127.0.0.1', port=9000), host='127.0.0.1', port='9000'))
    assert chosen.options.bind == ('127.0.0.1:9000',)


def test_an_instance_of_bottle_0_13_keeps_what_it_has() -> None:
    chosen = choose(invocation(Legacy(port=9000), {'colour': 'red'}, port=1))
    assert chosen.options.bind == ('127.0.0.1:9000',)


def test_an_instance_speaks_no_tls_that_it_was_made_without() -> None:
    with pytest.raises(ServerOptionError, match='made without cert'):
        choose(invocation(WSGIRefServer(), {'cert': 'adhoc'}))


def test_an_old_adapter_gets_the_words_of_bottle_0_13_from_a_program_alone() -> None:
    assert make(choose(invocation(Legacy, {'workers': 2, 'certfile': 'c'}))).adapter.options == {
        'workers': 2,
        'certfile': 'c',
    }
    with pytest.raises(ServerOptionError, match=r"'Legacy' has no option 'workers'.*; .*wsgiref have it"):
        choose(invocation(Legacy, workers=2))


def test_what_the_adapter_is_told_besides() -> None:
    ready = make(choose(invocation('wsgiref', {'access_log': 'common', 'workers': 2}, quiet=True)))
    assert (ready.adapter.quiet, ready.adapter.logs_requests, ready.adapter.shares_sockets) == (True, False, True)
    plain = make(choose(invocation('wsgiref'))).adapter
    assert (plain.quiet, plain.logs_requests, plain.shares_sockets) == (False, True, False)
