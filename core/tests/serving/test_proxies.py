"""Believing trusted proxies, and nobody else."""

import json
import time
from ipaddress import ip_address
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bottle
from bottle.errors import ServerOptionError
from bottle.httputil import is_host
from bottle.serving.proxies import HEADERS, MAX_HOPS, MAX_LENGTH, trusting
from tests.support.client import fetch
from tests.support.wsgi import Answer, call, make_environ, send

PROXY = '10.0.0.1'
NETWORKS = ('10.0.0.0/8', '2001:db8:1::/48', 'unix')
KEYS = ('REMOTE_ADDR', 'REMOTE_PORT', 'wsgi.url_scheme', 'HTTP_HOST', 'SERVER_NAME', 'SERVER_PORT')


def reflect(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({name: text for name, text in environ.items() if isinstance(text, str)}).encode()]


def ask(peer: str | None = PROXY, /, networks: tuple[str, ...] = NETWORKS, **headers: str) -> Answer:
    """Send a request with `Forwarded` or `X_Forwarded_For` and the like, between two referees."""
    fields: dict[str, Any] = {'HTTP_' + name.upper(): text for name, text in headers.items()}
    environ: dict[str, Any] = {
        'HTTP_HOST': 'inside:8000',
        'SERVER_NAME': 'inside',
        'SERVER_PORT': '8000',
        'REMOTE_PORT': '4242',
    }
    environ |= {} if peer is None else {'REMOTE_ADDR': peer}
    return call(trusting(validator(reflect), networks), '/shop/cart', **environ, **fields)


def seen(peer: str | None = PROXY, /, networks: tuple[str, ...] = NETWORKS, **headers: str) -> dict[str, str]:
    """Return the environ that the application sees."""
    answer = ask(peer, networks, **headers)
    assert answer.code == 200, answer
    environ: dict[str, str] = json.loads(answer.body)
    assert not set(HEADERS) & set(environ)
    return environ


EVERYTHING: dict[str, Any] = {
    'forwarded': 'for=8.8.8.8;proto=https;host=evil.example',
    'x_forwarded_for': '8.8.8.8',
    'x_forwarded_proto': 'https',
    'x_forwarded_host': 'evil.example',
    'x_forwarded_port': '1',
    'x_forwarded_prefix': '/shop',
    'x_forwarded_by': '8.8.8.8',
    'x_forwarded_ssl': 'on',
    'x_forwarded_server': 'evil.example',
    'x_real_ip': '8.8.8.8',
}


@pytest.mark.parametrize('networks', [(), ('nobody',), ('10.0.0.0/8',), ('192.168.1.1', 'unix')])
@pytest.mark.parametrize('peer', ['203.0.113.9', '::ffff:203.0.113.9', '2001:db8::9', 'fe80::1%eth0', 'nonsense'])
def test_nobody_else_is_believed(peer: str, networks: tuple[str, ...]) -> None:
    environ = seen(peer, networks, **EVERYTHING)
    assert [environ.get(key) for key in KEYS] == [peer, '4242', 'http', 'inside:8000', 'inside', '8000']
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO'], environ['bottle.peer']) == ('', '/shop/cart', peer)


@pytest.mark.parametrize(
    ('peer', 'network'),
    [
        ('10.1.2.3', '10.1.2.3'),
        ('::ffff:10.1.2.3', '10.0.0.0/8'),
        ('10.1.2.3', '::ffff:10.0.0.0/104'),
        ('::1', '::1'),
        ('fe80::1%eth0', 'fe80::/10'),
        ('', 'unix'),
        (None, 'unix'),
        ('localhost', 'unix'),
    ],
)
def test_peers_that_are_trusted(peer: str | None, network: str) -> None:
    environ = seen(peer, (network,), x_forwarded_for='203.0.113.9')
    assert (environ['REMOTE_ADDR'], environ['bottle.peer']) == ('203.0.113.9', peer or '')
    assert 'REMOTE_PORT' not in environ  # it was the proxy's
    assert seen(peer, ('192.0.2.1',), x_forwarded_for='203.0.113.9').get('REMOTE_ADDR') == peer


@pytest.mark.parametrize('network', ['10.0.0.1/8', 'example.org', '', 'Unix'])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ServerOptionError, match='trusted_proxies'):
        trusting(reflect, [network])


@pytest.mark.parametrize(
    ('header', 'address', 'port'),
    [
        ('203.0.113.9', '203.0.113.9', None),
        ('6.6.6.6, 203.0.113.9', '203.0.113.9', None),  # what the client itself has sent counts for nothing
        ('garbage, 203.0.113.9', '203.0.113.9', None),
        ('203.0.113.9, 10.0.0.2,10.0.0.3', '203.0.113.9', None),
        ('10.0.0.4, 10.0.0.2', '10.0.0.4', None),
        ('203.0.113.9:4711', '203.0.113.9', '4711'),
        ('2001:DB8::0009', '2001:db8::9', None),
        ('[2001:db8::9]:4711', '2001:db8::9', '4711'),
        ('203.0.113.9, [2001:db8:1::1]', '203.0.113.9', None),
        ('::ffff:203.0.113.9, ::ffff:10.0.0.2', '203.0.113.9', None),
        (', 203.0.113.9 ,\t,', '203.0.113.9', None),
        ('6.6.6.6, unknown', None, None),
        ('6.6.6.6, unknown, 10.0.0.2', None, None),
    ],
)
def test_the_client_of_x_forwarded_for(header: str, address: str | None, port: str | None) -> None:
    environ = seen(x_forwarded_for=header)
    assert (environ.get('REMOTE_ADDR'), environ.get('REMOTE_PORT')) == (address, port)


@pytest.mark.parametrize(
    ('header', 'address', 'port'),
    [
        ('for=203.0.113.9', '203.0.113.9', None),
        ('For="203.0.113.9:4711"', '203.0.113.9', '4711'),
        ('for="[2001:db8::1]:4711"', '2001:db8::1', '4711'),
        ('for="[2001:db8::1]:_obfuscated"', '2001:db8::1', None),
        (r'for="20\3.0.113.9"', '203.0.113.9', None),
        ('for=6.6.6.6, for=203.0.113.9;by=10.0.0.2, for=10.0.0.2', '203.0.113.9', None),
        ('for=10.0.0.4, , for=10.0.0.2', '10.0.0.4', None),
        ('by=10.0.0.1; FOR=203.0.113.9 ; secret="a,b;c=\\"d"', '203.0.113.9', None),
        ('for=6.6.6.6, for=_hidden', None, None),
        ('for=6.6.6.6, for=UNKNOWN', None, None),
        ('for=6.6.6.6, proto=http', None, None),
    ],
)
def test_the_client_of_forwarded(header: str, address: str | None, port: str | None) -> None:
    environ = seen(forwarded=header)
    assert (environ.get('REMOTE_ADDR'), environ.get('REMOTE_PORT')) == (address, port)


def test_a_client_that_is_not_known_is_none_for_the_framework() -> None:
    app = bottle.Bottle()
    app.route('/', callback=lambda: repr((bottle.request.remote_addr, bottle.request.remote_route)))
    wrapped = trusting(app, NETWORKS)
    assert call(wrapped, REMOTE_ADDR=PROXY, HTTP_FORWARDED='for=unknown').text == '(None, [])'
    given = call(wrapped, REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR='6.6.6.6, 203.0.113.9')
    assert given.text == "('203.0.113.9', ['203.0.113.9'])"


def test_host_and_scheme_come_from_the_outermost_trusted_proxy() -> None:
    environ = seen(
        forwarded='for=6.6.6.6;proto=http;host=evil.example,'
        'for=203.0.113.9;proto=HTTPS;host="example.org:8443", for=10.0.0.2;proto=http;host=inside'
    )
    assert [environ[key] for key in KEYS[2:]] == ['https', 'example.org:8443', 'example.org', '8443']
    environ = seen(
        x_forwarded_for='6.6.6.6, 203.0.113.9, 10.0.0.2',
        x_forwarded_proto='http, https, http',
        x_forwarded_host='evil.example, example.org, inside',
        x_forwarded_port='1, 443, 8000',
        x_forwarded_prefix='/evil, /shop, /',
    )
    assert [environ[key] for key in KEYS[2:]] == ['https', 'example.org', 'example.org', '443']
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == ('/shop', '/cart')


def test_a_list_of_another_length_counts_from_the_right() -> None:
    environ = seen(x_forwarded_for='203.0.113.9, 10.0.0.2, 10.0.0.3', x_forwarded_host='evil.example, example.org')
    assert environ['HTTP_HOST'] == 'example.org'
    assert seen(x_forwarded_proto='http, https')['wsgi.url_scheme'] == 'https'


@pytest.mark.parametrize(
    ('headers', 'host', 'name', 'port', 'url'),
    [
        ({'proto': 'https', 'host': 'example.org'}, 'example.org', 'example.org', '443', 'https://example.org/'),
        ({'host': 'example.org', 'port': '80'}, 'example.org', 'example.org', '80', 'http://example.org/'),
        ({'host': 'example.org', 'port': '81'}, 'example.org:81', 'example.org', '81', 'http://example.org:81/'),
        ({'host': 'a.org:1', 'port': '81'}, 'a.org:1', 'a.org', '1', 'http://a.org:1/'),
        ({'host': '[::1]:81'}, '[::1]:81', '[::1]', '81', 'http://[::1]:81/'),
        ({'host': '[::1]', 'port': '81'}, '[::1]:81', '[::1]', '81', 'http://[::1]:81/'),
        ({'proto': 'https'}, 'inside:8000', 'inside', '8000', 'https://inside:8000/'),
    ],
)
def test_all_ways_to_build_a_url_agree(headers: dict[str, Any], host: str, name: str, port: str, url: str) -> None:
    environ = seen(**{f'x_forwarded_{key}': text for key, text in headers.items()})
    assert [environ[key] for key in KEYS[3:]] == [host, name, port]
    assert environ['REMOTE_ADDR'] == PROXY
    assert bottle.BaseRequest({**environ, 'PATH_INFO': '/'}).url == url


def test_a_request_of_http_1_0_has_no_host() -> None:
    environ = make_environ(REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_PROTO='https')
    del environ['HTTP_HOST']
    seen_environ = json.loads(send(trusting(reflect, NETWORKS), environ).body)
    assert (seen_environ['SERVER_NAME'], seen_environ['SERVER_PORT']) == ('example.org', '443')
    assert 'HTTP_HOST' not in seen_environ


@pytest.mark.parametrize(
    ('prefix', 'script_name', 'path_info'),
    [
        ('/shop', '/shop', '/cart'),
        ('/shop/', '/shop', '/cart'),
        ('/shop/cart', '/shop/cart', ''),
        ('/sho', '/sho', '/shop/cart'),
        ('/other/place', '/other/place', '/shop/cart'),
        ('/', '', '/shop/cart'),
    ],
)
def test_prefix(prefix: str, script_name: str, path_info: str) -> None:
    environ = seen(x_forwarded_prefix=prefix)
    assert (environ['SCRIPT_NAME'], environ['PATH_INFO']) == (script_name, path_info)


def test_forwarded_alone_is_believed_where_both_are_there() -> None:
    environ = seen(**{**EVERYTHING, 'forwarded': 'for=8.8.8.8;proto=http;host=example.org'})
    assert [environ.get(key) for key in KEYS] == ['8.8.8.8', None, 'http', 'example.org', 'example.org', '80']
    assert environ['SCRIPT_NAME'] == ''


@pytest.mark.parametrize('forged', ['for=10.0.0.2', 'for=6.6.6.6', 'for=unknown', 'for=203.0.113.9, for=6.6.6.6'])
def test_a_header_that_the_proxy_has_passed_on_unread_is_refused(forged: str) -> None:
    assert ask(forwarded=forged, x_forwarded_for='203.0.113.9').code == 400


MALFORMED = [
    *({'forwarded': text} for text in ['for', 'for=', '=a', 'for="', 'for=", for=1.2.3.4', 'for=a b', 'for=1.2.3.4=']),
    *({'forwarded': text} for text in ['for=1.2.3', 'for=::1', 'for="::1"', 'for="[::1"', 'for="[1.2.3.4]"', 'for=""']),
    *({'forwarded': text} for text in ['for="1.2.3.4:99999"', 'for=1.2.3.4;for=1.2.3.5', 'for=a.org', 'f\xfcr=1']),
    *({'forwarded': f'for=1.2.3.4;host={text}'} for text in ['""', '"a b"', '"a/b"', '"a:b"', '"a@b"', '"<a>"']),
    *({'forwarded': f'for=1.2.3.4;proto={text}'} for text in ['""', 'ftp', '"http "', 'javascript']),
    *({'x_forwarded_for': text} for text in ['1.2.3', 'a', '1.2.3.4 5', '1.2.3.4:', '[::1]x', '::1%eth0', '1.2.3.4\n']),
    *({'x_forwarded_for': text} for text in ['01.2.3.4', '1.2.3.4\0', '\x7f', '1.2.3.4:-1', '_a b', '\xb2.2.2.2']),
    *({'x_forwarded_proto': text} for text in ['ftp', 'wss', 'https\r\nX: y', 'http https']),
    *({'x_forwarded_host': text} for text in ['a b', 'a/b', 'a:99999', '\xfc.org', '[::g]', 'a\tb', 'x' * 300]),
    *({'x_forwarded_port': text} for text in ['0', '99999', '-1', 'x', '8_0', '\xb2']),
    *({'x_forwarded_prefix': text} for text in ['a', '//a', '/a//b', '/..', '/a/../b', '/.', '/a%2f', '/a b', '/a?b']),
    {'x_forwarded_for': '1.2.3.4,' * (MAX_LENGTH // 8) + '1.2.3.4'},
    {'x_forwarded_for': ','.join(['10.0.0.1'] * (MAX_HOPS + 1))},
    {'forwarded': 'for=1.2.3.4;secret=' + 'x' * MAX_LENGTH},
    {'forwarded': 'for=1.2.3.4;secret="\0"'},
    {'x_forwarded_for': '\x1b, 1.2.3.4'},
    {'forwarded': ','.join(['for=10.0.0.1'] * (MAX_HOPS + 1))},
]


@pytest.mark.parametrize('headers', MALFORMED, ids=str)
def test_what_cannot_be_understood_is_refused(headers: dict[str, Any]) -> None:
    answer = ask(**headers)
    assert (answer.code, answer.header('Content-Type')) == (400, 'text/plain; charset=utf-8')
    assert answer.text.endswith('.\n')
    assert ask('203.0.113.9', **headers).code == 200  # from anybody else it is only thrown away


def test_a_hostile_header_takes_no_time() -> None:
    begin = time.process_time()
    for text in (' ' * 4000 + 'x', 'for=' + 'a' * 4000 + '"', '/' * 4000, 'for="' + '\\' * 4000, '[' + ':' * 4000):
        for name in ('forwarded', 'x_forwarded_for', 'x_forwarded_prefix', 'x_forwarded_host'):
            headers: dict[str, Any] = {name: text}
            assert ask(**headers).code in (200, 400)
    assert time.process_time() - begin < 1


nodes = st.sampled_from(['1.2.3.4', '10.0.0.2', '[::1]:80', '::1', 'unknown', '_x', '"[::1]"', '', '1.2.3.4:80', 'x'])
texts = st.text(st.characters(max_codepoint=255), max_size=40)
lists = st.lists(nodes | texts, max_size=5).map(','.join)
forwarded = st.lists(st.tuples(st.sampled_from(['for', 'host', 'proto', 'by', 'x']), nodes | texts), max_size=6).map(
    lambda pairs: ';,'[len(pairs) % 2].join(f'{name}={text}' for name, text in pairs)
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(EVERYTHING, lists | forwarded)))
def test_anything_is_believed_well_formed_or_refused(headers: dict[str, Any]) -> None:
    fields: dict[str, Any] = {f'HTTP_{name.upper()}': text for name, text in headers.items()}
    environ = make_environ(REMOTE_ADDR=PROXY, **fields)
    answer = send(trusting(reflect, NETWORKS), environ)
    assert answer.code in (200, 400)
    assert not set(HEADERS) & set(environ)
    if answer.code == 200:
        assert 'REMOTE_ADDR' not in environ or str(ip_address(environ['REMOTE_ADDR'])) == environ['REMOTE_ADDR']
        assert environ['wsgi.url_scheme'] in ('http', 'https')
        assert is_host(environ['HTTP_HOST'])
        assert int(environ['SERVER_PORT']) <= 65535


@pytest.mark.parametrize('network', ['127.0.0.1', '192.0.2.1'])
def test_over_a_socket(network: str) -> None:
    app = bottle.Bottle()
    app.route('/', callback=lambda: f'{bottle.request.remote_addr} {bottle.request.url}')
    with bottle.start(trusting(app, [network]), 'wsgiref', port=0) as server:
        headers = {'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'example.org'}
        believed = '203.0.113.9 https://example.org/'
        wanted = believed if network == '127.0.0.1' else f'127.0.0.1 {server.url}'
        assert fetch(server.url, '/', **headers).body.decode() == wanted
