"""The portable options: read when they are made, searched for contradictions, and all of them in the documentation."""

import dataclasses
import re
from typing import Any

import pytest

from bottle.errors import ServerOptionError
from bottle.serving.options import Option, ServerOptions, portable_options, read_option
from tests.support.sources import ROOT

PAGE = ROOT / 'docs' / 'options.md'


def made(**values: Any) -> ServerOptions:
    return ServerOptions(**values)


def test_defaults_ask_nothing() -> None:
    options = ServerOptions()
    assert options.given() == {}
    assert (options.host, options.port) == ('127.0.0.1', 8080)
    assert not options.tls
    assert not options.supervised


def test_texts_are_read() -> None:
    options = made(threads='8', bind='[::1]:0,unix:/x', socket_mode='660', max_body='1M', quiet='yes', backend={'a': 1})
    assert options.given() == {
        'bind': ('[::1]:0', 'unix:/x'),
        'socket_mode': 0o660,
        'threads': 8,
        'max_body': 1 << 20,
        'quiet': True,
        'backend': {'a': 1},
    }
    assert (options.host, options.port) == ('::1', 0)


def test_a_text_that_means_the_default_is_not_given() -> None:
    assert made(max_body='1G', graceful_timeout='30', quiet='no').given() == {}


@pytest.mark.parametrize('option', list(portable_options().values()), ids=lambda option: option.name)
def test_a_default_is_what_the_reader_would_return(option: Option) -> None:
    assert option.default is None or option.read(option.default) == option.default


@pytest.mark.parametrize(
    ('name', 'value'), [('max_requests', False), ('quiet', 0.0), ('worker_timeout', False), ('backend', None)]
)
def test_what_is_only_equal_to_the_default_is_read_too(name: str, value: Any) -> None:
    with pytest.raises(ServerOptionError, match=f"the option '{name}' takes"):
        made(**{name: value})


def test_the_mapping_of_the_backend_is_copied() -> None:
    mapping = {'a': 1}
    options = made(backend=mapping)
    mapping['b'] = 2
    assert options.backend == {'a': 1}


def test_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServerOptions().threads = 3  # type: ignore[misc]  # what the test is about


@pytest.mark.parametrize('values', [{'certfile': 'a'}, {'cert': 'adhoc'}])
def test_tls_is_asked_for(values: dict[str, str]) -> None:
    assert made(**values).tls


@pytest.mark.parametrize('values', [{'workers': 1}, {'reload': True}, {'max_requests': 1}, {'worker_timeout': 1}])
def test_a_supervisor_is_asked_for(values: dict[str, Any]) -> None:
    assert made(**values).supervised


@pytest.mark.parametrize(
    ('values', 'text'),
    [
        ({'cert': 'adhoc', 'certfile': 'a'}, 'cert and certfile contradict'),
        ({'cert': 'adhoc', 'keyfile': 'a'}, 'cert and certfile contradict'),
        ({'keyfile': 'a'}, 'keyfile needs certfile'),
        ({'max_requests_jitter': 1}, 'max_requests_jitter needs max_requests'),
        ({'access_log_file': 'a'}, 'access_log_file needs access_log'),
        ({'access_log_file': 'a', 'access_log': 'none'}, 'access_log_file needs access_log'),
        ({'socket_mode': '660'}, 'socket_mode needs a unix socket'),
    ],
)
def test_contradictions(values: dict[str, str], text: str) -> None:
    with pytest.raises(ServerOptionError, match=text):
        made(**values)


@pytest.mark.parametrize(
    ('name', 'value', 'source', 'expected'),
    [
        ('threads', 'x', '', "the option 'threads' takes a whole number from 1 up; it got 'x'"),
        ('threads', 'x', '--threads', "--threads takes a whole number from 1 up; it got 'x'"),
        ('bind', 'unix:', '', 'unix: needs a path, such as unix:/run/app.sock'),
        ('bind', 'unix:', '--bind', '--bind: unix: needs a path, such as unix:/run/app.sock'),
    ],
)
def test_an_error_names_its_source(name: str, value: str, source: str, expected: str) -> None:
    with pytest.raises(ServerOptionError) as caught:
        read_option(portable_options()[name], value, source)
    assert str(caught.value) == expected


def row(option: Option) -> str:
    """Return the row of an option in the documentation."""
    spelt = '-o' if option.name == 'backend' else f'--{option.name.replace("_", "-")}'
    variable = '-' if option.name == 'backend' else f'`BOTTLE_{option.name.upper()}`'
    command = f'`{f"{spelt} {option.metavar}".strip()}`'
    return f'| `{option.name}` | {command} | {variable} | {shown(option.default)} | {option.help} |'


def shown(default: Any) -> str:
    """Return a default as the table shows it."""
    if default is False:
        return 'no'
    if default in (None, (), {}):
        return '-'
    return ', '.join(f'`{each}`' for each in (default if isinstance(default, tuple) else (default,)))


def test_the_documentation_has_every_option() -> None:
    rows = re.findall(r'^\| `\w+` \| `-.*$', PAGE.read_text(encoding='utf-8'), re.MULTILINE)
    assert rows == [row(option) for option in portable_options().values()]
