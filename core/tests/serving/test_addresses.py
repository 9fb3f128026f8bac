"""How an address is written, and what is said to one that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle._util import nearest
from bottle.errors import ServerOptionError
from bottle.serving.addresses import format_bind, parse_bind, parse_port

PORTS = st.integers(0, 65535)
NAMES = st.from_regex(r'[a-z][a-z0-9.-]{0,30}', fullmatch=True)
IP = st.ip_addresses().map(str)
PORTLESS = st.from_regex(r'unix:/[a-z:]{1,20}|fd://[0-9]{1,4}', fullmatch=True)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('127.0.0.1:9000', ('127.0.0.1', 9000)),
        ('localhost', ('localhost', 8080)),
        (':80', ('', 80)),
        ('[::1]:0', ('::1', 0)),
        ('[::1]', ('::1', 8080)),
        ('unix:/run/app.sock', ('unix:/run/app.sock', 0)),
        ('unix:/run/a:b', ('unix:/run/a:b', 0)),
        ('fd://3', ('fd://3', 0)),
    ],
)
def test_bind_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_bind(text) == expected


@pytest.mark.parametrize('text', ['a:', 'a:b', 'a:-1', 'a:65536', 'a:8_0', 'a:+80', 'a: 80', 'a:\uff18\uff10'])
def test_no_usable_port_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(ServerOptionError, match='no usable port') as caught:
        parse_bind(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize('text', ['::1', '::1:8080', 'fe80::1', 'http://127.0.0.1:80'])
def test_ipv6_needs_brackets(text: str) -> None:
    with pytest.raises(ServerOptionError, match=r'is no address: .* as in \[::1\]:8080'):
        parse_bind(text)


@pytest.mark.parametrize(
    ('text', 'remedy'), [('unix:', 'needs a path'), ('fd://', 'give its number'), ('fd://x', 'give its number')]
)
def test_what_stands_after_a_prefix(text: str, remedy: str) -> None:
    with pytest.raises(ServerOptionError, match=remedy):
        parse_bind(text)


@given(st.one_of(NAMES, IP, st.just('')), PORTS)
def test_what_is_formatted_is_split_again(host: str, port: int) -> None:
    assert parse_bind(format_bind(host, port)) == (host, port)


@given(PORTLESS, PORTS)
def test_what_has_no_port_stays_as_it_is(host: str, port: int) -> None:
    assert format_bind(host, port) == host
    assert parse_bind(host) == (host, 0)


def test_brackets_are_not_doubled() -> None:
    assert format_bind('[::1]', 80) == format_bind('::1', 80) == '[::1]:80'


@given(st.text())
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        _, port = parse_bind(text)
    except ServerOptionError:
        return
    assert 0 <= port <= 65535


@pytest.mark.parametrize('port', [0, 65535, '8080'])
def test_ports(port: object) -> None:
    assert parse_port(port) == int(str(port))


@pytest.mark.parametrize('port', ['9' * 5000, '', None, True, 80.0, -1])
def test_what_is_no_port(port: object) -> None:
    with pytest.raises(ServerOptionError, match='no usable port'):
        parse_port(port)


def test_the_nearest_names_are_offered() -> None:
    assert nearest('gevnet', ['gevent', 'waitress']) == " Did you mean 'gevent'?"
    assert nearest('xyz', ['gevent', 'waitress']) == ''
