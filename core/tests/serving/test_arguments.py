"""The arguments of the command line: one for each portable option, read into what is asked for."""

from pathlib import Path
from typing import Any

import pytest

from bottle.errors import ServerOptionError
from bottle.serving.arguments import GROUPS, invocation, make_parser
from bottle.serving.options import portable_options
from bottle.serving.preparation import Invocation, choose

TYPED: dict[str, tuple[list[str], Any]] = {  # an option as it is typed, and what it becomes
    'bind': (['-b', '[::1]:1,:2', '--bind', 'unix:/x'], ('[::1]:1', ':2', 'unix:/x')),
    'backlog': (['--backlog', '5'], 5),
    'socket_mode': (['--socket-mode', '660', '-b', 'unix:/x'], 0o660),
    'threads': (['--threads', '5', '-s', 'waitress'], 5),
    'workers': (['--workers', '2'], 2),
    'worker_timeout': (['--worker-timeout', '1.5'], 1.5),
    'max_requests': (['--max-requests', '9'], 9),
    'max_requests_jitter': (['--max-requests-jitter', '3', '--max-requests', '9'], 3),
    'graceful_timeout': (['--graceful-timeout', '0.5'], 0.5),
    'certfile': (['--certfile', 'c'], 'c'),
    'keyfile': (['--certfile', 'c', '--keyfile', 'k'], 'k'),
    'cert': (['--cert', 'adhoc'], 'adhoc'),
    'max_body': (['--max-body', '1M'], 1 << 20),
    'trusted_proxies': (['--trusted-proxies', '10.0.0.0/8,unix'], ('10.0.0.0/8', 'unix')),
    'health': (['--health', '/healthz'], '/healthz'),
    'access_log': (['--access-log', 'json'], 'json'),
    'access_log_file': (['--access-log', 'json', '--access-log-file', 'f'], 'f'),
    'quiet': (['-q'], True),
    'reload': (['--reload'], True),
    'reload_interval': (['--reload-interval', '2'], 2.0),
    'reload_include': (['--reload-include', '*.a,*.b'], ('*.a', '*.b')),
    'reload_exclude': (['--reload-exclude', 'x'], ('x',)),
    'backend': (['-o', 'a=1', '-o', 'b=x=y', '-o', 'c=true', '-o', 'd='], {'a': 1, 'b': 'x=y', 'c': True, 'd': ''}),
}


def asked(*arguments: str) -> tuple[Invocation, dict[str, Any]]:
    return invocation(make_parser().parse_args(['app', *arguments]))


def test_every_portable_option_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(portable_options())
    assert TYPED.keys() == portable_options().keys() - {'server'}


@pytest.mark.parametrize('option', TYPED)
def test_an_option_is_read(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in portable_options():
        monkeypatch.setenv(f'BOTTLE_{name.upper()}', '')  # an empty variable gives nothing
    monkeypatch.delenv('PORT', raising=False)
    arguments, value = TYPED[option]
    assert getattr(choose(asked(*arguments)[0]).options, option) == value


def test_what_is_not_typed_is_left_to_others() -> None:
    given = asked()[0]
    assert given.server is None
    assert {name for name, value in given.given.items() if value is not None} == set()


def test_the_last_of_two_is_heard_where_one_is_meant() -> None:
    assert choose(asked('--backlog', '3', '--backlog', '4', '-o', 'a=1', '-o', 'a=2')[0]).options.given() == {
        'backlog': 4,
        'backend': {'a': 2},
    }


def test_configuration_for_the_application(tmp_path: Path) -> None:
    file = tmp_path / 'a.toml'
    file.write_text('[server]\nbacklog = 7\n[mail]\nsender = "a"\nto = "b"')
    found, config = asked('-c', str(file), '-C', 'mail.to=c=d', '-C', 'quick')
    assert config == {'mail.sender': 'a', 'mail.to': 'c=d', 'quick': True}
    assert choose(found).options.backlog == 7


@pytest.mark.parametrize('pair', ['a', '=1', ''])
def test_an_option_of_the_backend_needs_a_name_and_a_value(pair: str) -> None:
    with pytest.raises(ServerOptionError, match='-o takes NAME=VALUE'):
        asked('-o', pair)


@pytest.mark.parametrize(
    ('arguments', 'spelt'),
    [(['--threads', '0'], '--threads'), (['--access-log', 'x'], '--access-log'), (['--max-body', 'x'], '--max-body')],
)
def test_errors_name_the_argument(arguments: list[str], spelt: str) -> None:
    with pytest.raises(ServerOptionError, match=f'^{spelt} takes '):
        choose(asked(*arguments)[0])
