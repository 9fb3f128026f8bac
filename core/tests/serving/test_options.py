"""How an address is written, and what is said to one that is not."""

import pytest

from bottle._util import nearest
from bottle.errors import ServerOptionError
from bottle.serving.addresses import parse_bind, parse_port


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
    ],
)
def test_bind_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_bind(text) == expected


@pytest.mark.parametrize('text', ['a:', 'a:b', 'a:-1', 'a:65536', 'a:8_0', 'a:+80', 'a: 80', 'a:\uff18\uff10'])
def test_no_usable_port_is_an_error_that_quotes_it(text: str) -> None:
    with pytest.raises(ServerOptionError, match='no usable port') as caught:
        parse_bind(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize('port', [0, 65535, '8080'])
def test_ports(port: object) -> None:
    assert parse_port(port) == int(str(port))


def test_the_nearest_names_are_offered() -> None:
    assert nearest('gevnet', ['gevent', 'waitress']) == " Did you mean 'gevent'?"
    assert nearest('xyz', ['gevent', 'waitress']) == ''
