"""The environ (PEP 3333, "environ Variables")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bottle_conformance.observing import so_far
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity

if TYPE_CHECKING:
    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject

VARIABLES = 'PEP 3333, "environ Variables"'
VALUES = 'PEP 3333, "environ Variables", wsgi.*'
FIELDS = 'RFC 9110, 5'
TEXTS = ('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL')
PLACES = ('SCRIPT_NAME', 'PATH_INFO', 'REMOTE_ADDR', 'SERVER_NAME', 'SERVER_PORT', 'wsgi.url_scheme')
MULTITHREAD = {'sync': False, 'per-request': False, 'threads': True}  # of other models, either may be true
CREATED = ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: a.example']
CREATED += [
    'Forwarded: for=192.0.2.1;proto=https',
    'X-Forwarded-Port: 1',
    'X-Script-Name: /x',
    'X-Forwarded-Prefix: /x',
]
CREATED += [
    'Script-Name: /x',
    'SCRIPT_NAME: /x',
    'Path-Info: /x',
    'PATH_INFO: /x',
    'Remote-Addr: 192.0.2.1',
    'HTTPS: on',
]


class EnvironSuite:
    """What the application is told about a request."""

    @rule(1, VARIABLES)
    def test_environ_is_a_dict(self, server: Subject) -> None:
        """The environ is a `dict`, not an instance of a subclass."""
        identity = new_identity()
        server.ask('/a', identity=identity)
        assert server.told(identity, 'called')['kind'] == 'dict'

    @rule(1, VARIABLES)
    def test_required_variables_are_texts(self, server: Subject) -> None:
        """What must be there is there, and is `str` itself."""
        environ = server.called('/a')
        assert {name: environ[name][0] for name in TEXTS} == dict.fromkeys(TEXTS, 'str')

    @rule(1, 'PEP 3333, "Unicode Issues"')
    def test_texts_hold_bytes_only(self, server: Subject) -> None:
        """Each text is latin-1: one character for one byte."""
        environ = server.called('/caf%C3%A9?q=%C3%A9', 'X-Name: caf\xc3\xa9')
        texts = [value for kind, value in environ.values() if kind == 'str']
        assert [each for each in texts if any(ord(character) > 255 for character in each)] == []

    @rule(1, 'PEP 3333, "Unicode Issues"', 'RFC 3875, 4.1.5')
    @pytest.mark.parametrize(
        ('target', 'path'),
        [
            ('/caf%C3%A9', '/caf\xc3\xa9'),
            ('/%E2%82%AC/%F0%9F%98%80', '/\xe2\x82\xac/\xf0\x9f\x98\x80'),
            ('/%FF%FE', '/\xff\xfe'),
            ('/a%20b%25', '/a b%'),
            ('/a+b', '/a+b'),
            ('/a%2Fb', '/a/b'),
            ('/a%3Fb', '/a?b'),
            ('/a;b=c', '/a;b=c'),
            ('/a%2541', '/a%41'),
        ],
        ids=[
            'utf-8',
            'beyond the BMP',
            'not utf-8',
            'space',
            'plus',
            'slash',
            'question mark',
            'semicolon',
            'percent',
        ],
    )
    def test_path_info_is_decoded_once(self, server: Subject, target: str, path: str) -> None:
        """PATH_INFO is the percent-decoded path, byte for byte."""
        environ = server.called(target)
        assert environ['SCRIPT_NAME'][1] + environ['PATH_INFO'][1] == path

    @rule(1, VARIABLES, 'RFC 3875, 4.1.5', needs='http')
    @pytest.mark.parametrize(('target', 'path'), [('/%2e%2e/', '/../'), ('/a//b', '/a//b')], ids=['dots', 'slashes'])
    def test_path_info_is_not_normalised(self, server: Subject, target: str, path: str) -> None:
        """What dots and slashes mean is the application's affair."""
        assert server.called(target)['PATH_INFO'][1] == path

    @rule(1, VARIABLES, 'RFC 3875, 4.1.7')
    def test_query_string_is_not_decoded(self, server: Subject) -> None:
        """QUERY_STRING is what stands behind the first question mark, as it is."""
        assert server.called('/a?b=%C3%A9&c=+%20?d')['QUERY_STRING'] == ['str', 'b=%C3%A9&c=+%20?d']

    @rule(1, VARIABLES)
    def test_server_port_is_the_real_one(self, server: Subject) -> None:
        """SERVER_PORT is the port of the socket, as a text."""
        assert server.called()['SERVER_PORT'] == ['str', str(urlsplit(server.url).port)]

    @rule(1, VARIABLES)
    def test_path_of_the_root(self, server: Subject) -> None:
        """The root is SCRIPT_NAME '' and PATH_INFO '/'."""
        environ = server.called('/')
        assert (environ['SCRIPT_NAME'][1], environ['PATH_INFO'][1]) == ('', '/')

    @rule(1, VARIABLES)
    def test_query_string_is_empty_when_there_is_none(self, server: Subject) -> None:
        """QUERY_STRING is empty or absent without a question mark."""
        assert server.called('/a').get('QUERY_STRING', ['str', '']) == ['str', '']

    @rule(1, VARIABLES, 'RFC 9110, 9.1')
    @pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])
    def test_request_method_is_as_sent(self, server: Subject, method: str) -> None:
        """REQUEST_METHOD is the method, also one that HTTP itself does not define."""
        assert server.called('/a', 'Content-Length: 0', method=method)['REQUEST_METHOD'] == ['str', method]

    @rule(1, VARIABLES, 'RFC 9112, 2.3')
    @pytest.mark.parametrize('version', ['HTTP/1.1', 'HTTP/1.0'])
    def test_server_protocol_is_that_of_the_request(self, server: Subject, version: str) -> None:
        """SERVER_PROTOCOL is the version that the client speaks."""
        assert server.called('/a', version=version)['SERVER_PROTOCOL'] == ['str', version]

    @rule(1, VARIABLES)
    def test_server_name_is_not_empty(self, server: Subject) -> None:
        """SERVER_NAME is never empty, also where the client sends no Host."""
        assert server.called('/a', version='HTTP/1.0')['SERVER_NAME'][1] != ''

    @rule(2, 'RFC 3875, 4.1.8')
    def test_remote_addr_is_that_of_the_client(self, server: Subject) -> None:
        """REMOTE_ADDR is the address of who connects, without a port."""
        assert server.called('/a')['REMOTE_ADDR'] == ['str', '127.0.0.1']

    @rule(1, VALUES)
    def test_version_and_scheme(self, server: Subject) -> None:
        """wsgi.version is (1, 0), wsgi.url_scheme that of the URL."""
        environ = server.called('/a')
        expected = [['tuple', '(1, 0)'], ['str', urlsplit(server.url).scheme]]
        assert [environ['wsgi.version'], environ['wsgi.url_scheme']] == expected

    @rule(1, VALUES)
    def test_models_of_concurrency_are_told(self, server: Subject, adapter: type[ServerAdapter]) -> None:
        """wsgi.multithread and wsgi.run_once agree with the model that is declared; all three are true or false."""
        environ, model = server.called('/a'), adapter.capabilities.concurrency
        told = {name: environ[f'wsgi.{name}'][1] for name in ('multithread', 'multiprocess', 'run_once')}
        assert {each in ('True', '1', 'False', '0') for each in told.values()} == {True}
        assert (told['run_once'] in ('True', '1')) == (model == 'per-request')
        multithread = told['multithread'] in ('True', '1')
        assert multithread == MULTITHREAD.get(model, multithread)

    @rule(1, 'PEP 3333, "Input and Error Streams"')
    def test_errors_can_be_written(self, server: Subject) -> None:
        """wsgi.errors has write, writelines and flush, for text."""
        assert server.ask('/complain').body == b'written'

    @rule(1, VARIABLES, 'RFC 3875, 4.1.3')
    def test_content_type_and_length_have_no_prefix(self, server: Subject) -> None:
        """CONTENT_TYPE and CONTENT_LENGTH stand without HTTP_, and only so."""
        environ = server.called('/a', 'Content-Type: text/x-a', 'Content-Length: 3', method='POST', body=b'abc')
        assert [environ['CONTENT_TYPE'], environ['CONTENT_LENGTH']] == [['str', 'text/x-a'], ['str', '3']]
        assert {'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH'} & set(environ) == set()

    @rule(1, VARIABLES, needs='http')
    @pytest.mark.parametrize('name', ['CONTENT_TYPE', 'CONTENT_LENGTH'])
    def test_what_is_not_sent_is_not_invented(self, server: Subject, name: str) -> None:
        """CONTENT_TYPE and CONTENT_LENGTH are empty or absent where the client sends none."""
        assert server.called('/a').get(name, ['str', '']) == ['str', '']

    @rule(1, VARIABLES, FIELDS)
    def test_headers_are_mapped(self, server: Subject) -> None:
        """A header is HTTP_ and its name in capitals, with underscores for hyphens."""
        environ = server.called('/a', 'x-SOME-name: Value', 'Host: b.example:81')
        assert [environ[f'HTTP_{each}'][1] for each in ('X_SOME_NAME', 'HOST')] == ['Value', 'b.example:81']

    @rule(1, VARIABLES, FIELDS, needs='http')
    def test_empty_headers_are_there(self, server: Subject) -> None:
        """A header without a value is an empty text."""
        assert server.called('/a', 'X-Empty:')['HTTP_X_EMPTY'] == ['str', '']

    @rule(1, 'PEP 3333, "Unicode Issues"', 'RFC 9110, 5.5')
    def test_values_are_latin_1(self, server: Subject) -> None:
        """Each byte of a value is one character."""
        value = ''.join(map(chr, range(0xA0, 0x100)))
        assert server.called('/a', f'X-Name: -{value}-')['HTTP_X_NAME'] == ['str', f'-{value}-']

    @rule(2, 'RFC 9112, 5.1')
    def test_values_have_no_space_around(self, server: Subject) -> None:
        """White space around a value is no part of it; that inside stays."""
        environ = server.called('/a', 'X-Padded: \t a \tb\t ', 'Content-Type:text/plain \t')
        assert (environ['HTTP_X_PADDED'][1], environ['CONTENT_TYPE'][1]) == ('a \tb', 'text/plain')

    @rule(1, 'RFC 9110, 5.3', 'RFC 3875, 4.1.18')
    def test_repeated_headers_are_one_list(self, server: Subject) -> None:
        """Headers of one name become one, in order, with commas."""
        value = server.called('/a', 'X-Many: a', 'X-Other: -', 'x-many: b', 'X-MANY: c, d')['HTTP_X_MANY'][1]
        assert [each.strip() for each in value.split(',')] == ['a', 'b', 'c', 'd']

    @rule(1, 'RFC 9110, 5.3', 'RFC 9113, 8.2.3')
    def test_repeated_cookies_are_kept(self, server: Subject) -> None:
        """No cookie is lost; a semicolon between them is better than a comma, but both occur."""
        value = server.called('/a', 'Cookie: a=1; b=2', 'Cookie: c=3')['HTTP_COOKIE'][1]
        assert re.split('[;,] *', value) == ['a=1', 'b=2', 'c=3']

    @rule(1, 'RFC 9110, 5.4')
    def test_many_headers_arrive(self, server: Subject) -> None:
        """Sixty headers are not too many."""
        environ = server.called('/a', *(f'X-Number-{number}: {number}' for number in range(60)))
        assert [environ[f'HTTP_X_NUMBER_{number}'][1] for number in range(60)] == [str(number) for number in range(60)]

    @rule(2, 'RFC 9110, 5.4', 'RFC 6585, 5')
    def test_no_header_is_dropped(self, server: Subject) -> None:
        """Of 200 headers all arrive, or the request is refused: the application sees no less than a proxy has seen."""
        identity = new_identity()
        response = server.ask('/a', *(f'X-Number-{number}: {number}' for number in range(200)), identity=identity)
        called = so_far(server, identity, 'called')
        arrived = [sum(name.startswith('HTTP_X_NUMBER_') for name in event['environ']) for event in called]
        assert (400 <= response.status < 500, arrived) in ((False, [200]), (True, []))

    @rule(2, 'RFC 3875, 4.1.18', 'RFC 9110, 5.1', needs='http')
    @pytest.mark.parametrize(
        ('lines', 'name'),
        [
            (['X_Forwarded_For: 192.0.2.1'], 'HTTP_X_FORWARDED_FOR'),
            (['X-Real-Ip: 192.0.2.2', 'X_Real_Ip: 192.0.2.1'], 'HTTP_X_REAL_IP'),
            (['X_Real-Ip: 192.0.2.1', 'X-Real-Ip: 192.0.2.2'], 'HTTP_X_REAL_IP'),
            (['Content_Length: 192.0.2.1'], 'CONTENT_LENGTH'),
            (['Transfer_Encoding: 192.0.2.1'], 'HTTP_TRANSFER_ENCODING'),
        ],
        ids=['alone', 'behind', 'before', 'length', 'coding'],
    )
    def test_an_underscore_is_no_hyphen(self, server: Subject, lines: list[str], name: str) -> None:
        """A header with an underscore, which proxies let through, never passes for one with a hyphen."""
        identity = new_identity()
        server.ask('/a', *lines, identity=identity)
        called = so_far(server, identity, 'called')
        assert ['192.0.2.1' in event['environ'].get(name, ['', ''])[1] for event in called] in ([], [False])

    @rule(2, VARIABLES, 'RFC 7239, 8.1')
    @pytest.mark.parametrize('line', CREATED)
    def test_no_header_says_where_a_request_comes_from(self, server: Subject, line: str) -> None:
        """Address, scheme and path come from the connection and the target, unless a proxy is trusted."""
        expected = server.called('/a')
        identity = new_identity()
        server.ask('/a', line, identity=identity)
        found = [event['environ'] for event in so_far(server, identity, 'called')]
        assert [[each[name] for name in PLACES] for each in found] in ([], [[expected[name] for name in PLACES]])

    @rule(3, 'RFC 3875, 4.1.18')
    def test_a_client_does_not_choose_the_proxy(self, server: Subject, adapter: type[ServerAdapter]) -> None:
        """The header Proxy becomes no variable of the process, nor of a gateway's environ: clients of HTTP obey it."""
        line = 'Proxy: http://192.0.2.1/'
        assert server.ask('/process?name=HTTP_PROXY', line).body == b''
        assert adapter.capabilities.protocol == 'http' or 'HTTP_PROXY' not in server.called('/a', line)

    @rule(2, 'RFC 9112, 3.2.2')
    def test_absolute_form(self, server: Subject) -> None:
        """A target with scheme and authority is the path behind them: a server must accept it."""
        environ = server.called('http://kit.example/a/b%20c?d=e')
        assert [environ[name][1] for name in ('SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING')] == ['', '/a/b c', 'd=e']

    @rule(3, 'RFC 9112, 3.2.4')
    def test_asterisk_form(self, server: Subject) -> None:
        """The target of `OPTIONS *` is no path below the root; or it is refused."""
        identity = new_identity()
        response = server.ask('*', method='OPTIONS', identity=identity)
        assert response.status < 500
        assert [event['path'] for event in so_far(server, identity, 'called')] in ([], [''], ['*'])
