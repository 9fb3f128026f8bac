"""Bytes that are no request, or hardly one: the server refuses them, says nothing of itself, and serves on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.corpus import exchange, exchanges, received, unescaped
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bottle_conformance.corpus import Exchange
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

LINE = 'RFC 9112, 3'
PARSING = 'RFC 9112, 2.2'
FIELDS = 'RFC 9110, 5.5'
HOST = 'RFC 9112, 3.2'
MEBIBYTE = 1 << 20
LINES = b'Host: kit.example\r\nX-Id: IDENTITY\r\nConnection: close\r\n'
CHUNKED = b'POST /ignore HTTP/1.1\r\nTransfer-Encoding: chunked\r\n' + LINES + b'\r\n'
ENDLESS = 128  # pieces of 64 KiB, which no server should read in the hope of an end

# What is no request at all; IDENTITY is where the witness would find it if it were taken for one.
REFUSED = {
    'a method alone': b'GET',
    'a method as a line': b'GET\r\n\r\n',
    'no target': b'GET HTTP/1.1\r\n' + LINES + b'\r\n',
    'four words': b'GET /a b HTTP/1.1\r\n' + LINES + b'\r\n',
    'a separator in the method': b'G(E)T /a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a NUL in the method': b'G\0T /a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a NUL in the target': b'GET /a\0b HTTP/1.1\r\n' + LINES + b'\r\n',
    'a version of the future': b'GET /a HTTP/9.9\r\n' + LINES + b'\r\n',
    'a version of two digits': b'GET /a HTTP/1.10\r\n' + LINES + b'\r\n',
    'a version of one number': b'GET /a HTTP/1\r\n' + LINES + b'\r\n',
    'a version without a number': b'GET /a HTTP/x.y\r\n' + LINES + b'\r\n',
    'a version with a plus': b'GET /a HTTP/+1.1\r\n' + LINES + b'\r\n',
    'a version with a superscript': b'GET /a HTTP/1.\xb9\r\n' + LINES + b'\r\n',
    'a version in lower case': b'GET /a http/1.1\r\n' + LINES + b'\r\n',
    'another protocol': b'GET /a ICY/1.1\r\n' + LINES + b'\r\n',
    'lines that end in CR': b'GET /a HTTP/1.1\rX-Id: IDENTITY\r\r',
    'a colon alone': b'GET /a HTTP/1.1\r\n: b\r\n' + LINES + b'\r\n',
    'a line without a colon': b'GET /a HTTP/1.1\r\nb\r\n' + LINES + b'\r\n',
    'a space in a name': b'GET /a HTTP/1.1\r\na b: c\r\n' + LINES + b'\r\n',
    'a space before a colon': b'GET /a HTTP/1.1\r\na : c\r\n' + LINES + b'\r\n',
    'a NUL in a name': b'GET /a HTTP/1.1\r\na\0b: c\r\n' + LINES + b'\r\n',
    'a control character in a name': b'GET /a HTTP/1.1\r\na\x0bb: c\r\n' + LINES + b'\r\n',
    'no end': b'GET /a HTTP/1.1\r\n' + LINES,
    'no end of the last line': b'GET /a HTTP/1.1\r\n' + LINES[:-2],
    'the preface of HTTP/2': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0',
    'the hello of TLS': b'\x16\3\1\0\xc2\1\0\0\xbe\3\3' + random.Random(1).randbytes(186),
    'the hello of SSH': b'SSH-2.0-OpenSSH_9.2\r\n',
    'the mail of SMTP': b'EHLO kit.example\r\nMAIL FROM:<a@kit.example>\r\n',
    'NULs': b'\0' * 100,
    'bytes at random': random.Random(2).randbytes(1000),
    'lines at random': b'\r\n'.join(random.Random(number).randbytes(20) for number in range(50)) + b'\r\n\r\n',
    'a line of 1 MiB': b'GET /' + b'a' * MEBIBYTE + b' HTTP/1.1\r\n' + LINES + b'\r\n',
    'a word of 1 MiB': b'A' * MEBIBYTE,
    'a header of 1 MiB': b'GET /a HTTP/1.1\r\n' + LINES + b'X-A: ' + b'b' * MEBIBYTE + b'\r\n\r\n',
    'a name of 1 MiB': b'GET /a HTTP/1.1\r\n' + LINES + b'b' * MEBIBYTE + b': c\r\n\r\n',
    'a folded header of 1 MiB': b'GET /a HTTP/1.1\r\n' + LINES + b'X-A: b\r\n' + b' c\r\n' * (MEBIBYTE // 4) + b'\r\n',
}
# What may be taken for a request, or refused.
UNUSUAL = {
    'no version': b'GET /IDENTITY\r\n\r\n',
    'a version below 1': b'GET /a HTTP/0.9\r\n' + LINES + b'\r\n',
    'a version between': b'GET /a HTTP/1.2\r\n' + LINES + b'\r\n',
    'a method in lower case': b'get /a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a method of 1000 letters': b'A' * 1000 + b' /a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target without a slash': b'GET a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target that is no URL': b'GET http://[::1 HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target of another scheme': b'GET gopher://kit.example/a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target with a fragment': b'GET /a#b HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target in latin-1': b'GET /caf\xe9 HTTP/1.1\r\n' + LINES + b'\r\n',
    'a target in utf-8': b'GET /caf\xc3\xa9?\xe2\x82\xac HTTP/1.1\r\n' + LINES + b'\r\n',
    'a broken percent sign': b'GET /%%zz% HTTP/1.1\r\n' + LINES + b'\r\n',
    'an encoded NUL': b'GET /%00 HTTP/1.1\r\n' + LINES + b'\r\n',
    'an asterisk for GET': b'GET * HTTP/1.1\r\n' + LINES + b'\r\n',
    'CONNECT': b'CONNECT kit.example:443 HTTP/1.1\r\n' + LINES + b'\r\n',
    'two spaces': b'GET  /a  HTTP/1.1\r\n' + LINES + b'\r\n',
    'tabs for spaces': b'GET\t/a\tHTTP/1.1\r\n' + LINES + b'\r\n',
    'a space in front': b' GET /a HTTP/1.1\r\n' + LINES + b'\r\n',
    'a space behind': b'GET /a HTTP/1.1 \r\n' + LINES + b'\r\n',
    'lines that end in LF': b'GET /a HTTP/1.1\nHost: a\nX-Id: IDENTITY\nConnection: close\n\n',
    'a folded header': b'GET /a HTTP/1.1\r\nX-A: b\r\n\tc\r\n' + LINES + b'\r\n',
    'a folded first header': b'GET /a HTTP/1.1\r\n X-A: b\r\n' + LINES + b'\r\n',
    'control characters in a value': b'GET /a HTTP/1.1\r\nX-A: b\1\x0b\x0c\x7fc\r\n' + LINES + b'\r\n',
    'bytes in a value': b'GET /a HTTP/1.1\r\nX-A: \xff\xfe\x80\r\n' + LINES + b'\r\n',
    'bytes in a name': b'GET /a HTTP/1.1\r\nX-\xe9: b\r\n' + LINES + b'\r\n',
    'an upgrade': b'GET /a HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n' + LINES + b'\r\n',
    '500 empty lines': b'\r\n' * 500 + b'GET /a HTTP/1.1\r\n' + LINES + b'\r\n',
    '10,000 headers': b'GET /a HTTP/1.1\r\n' + LINES + b'X-A: b\r\n' * 10_000 + b'\r\n',
    '2,000 names': b'GET /a HTTP/1.1\r\n' + LINES + b''.join(b'X-%d: b\r\n' % n for n in range(2000)) + b'\r\n',
    'a chunk extension of 1 MiB': CHUNKED + b'5;' + b'a' * MEBIBYTE + b'\r\nhello\r\n0\r\n\r\n',
    'a trailer of 1 MiB': CHUNKED + b'0\r\nX-A: ' + b'b' * MEBIBYTE + b'\r\n\r\n',
    'a length of 100 digits': b'POST /ignore HTTP/1.1\r\nContent-Length: '
    + b'9' * 100
    + b'\r\n'
    + LINES
    + b'\r\nhello',
    'a length of 5000 digits': b'POST /ignore HTTP/1.1\r\nContent-Length: '
    + b'9' * 5000
    + b'\r\n'
    + LINES
    + b'\r\nhello',
}
# Beginnings of what never ends.
BEGINNINGS = {
    'a line': (b'', b'a' * 65536),
    'a header': (b'GET /a HTTP/1.1\r\nX-A: ', b'b' * 65536),
    'headers': (b'GET /a HTTP/1.1\r\n', b'X-A: b\r\n' * 8192),
    'empty lines': (b'', b'\r\n' * 32768),
}
VALID = b'GET /a?b=c HTTP/1.1\r\nAccept: */*\r\nX-A: b, c\r\n' + LINES + b'\r\n'


def environ_of(server: Subject, witness: Witness, *lines: str) -> dict[str, str]:
    """Return the headers that the application gets from a request with some lines; none if it is refused.

    Parameters:
        server: the running server.
        witness: what has heard of it.
        lines: the lines behind the request line.
    """
    identity = new_identity()
    head = '\r\n'.join(['GET /a HTTP/1.1', *lines, f'X-Id: {identity}', 'Connection: close', '', ''])
    found = exchange(server, head.encode('latin-1'))
    called = received(witness, identity)
    assert called or found.refused
    return {name: value for each in called for name, (_, value) in each['environ'].items() if name.startswith('HTTP_')}


class MalformedSuite:
    """Nothing that a client sends harms another one."""

    @rule(3, LINE, PARSING, needs='http')
    @pytest.mark.parametrize('data', REFUSED.values(), ids=REFUSED)
    def test_what_is_no_request_is_refused(self, server: Subject, witness: Witness, data: bytes) -> None:
        """The client gets 4xx, 501, 505 or nothing, the application no request, and the next client its response."""
        identity = new_identity()
        for found in exchanges(server, data.replace(b'IDENTITY', identity.encode())):
            assert (found.refused, found.reveals, received(witness, identity)) == (True, False, [])

    @rule(3, LINE, PARSING, needs='http')
    @pytest.mark.parametrize('data', UNUSUAL.values(), ids=UNUSUAL)
    def test_what_is_hardly_a_request_does_no_harm(self, server: Subject, data: bytes) -> None:
        """It is answered or refused, but it is no error of the server."""
        for found in exchanges(server, data.replace(b'IDENTITY', new_identity().encode())):
            assert (found.fails, found.reveals) == (False, False)

    @rule(3, LINE, 'RFC 6585, 5', needs='http')
    @pytest.mark.parametrize(('beginning', 'piece'), BEGINNINGS.values(), ids=BEGINNINGS)
    def test_head_without_end_is_refused(self, server: Subject, beginning: bytes, piece: bytes) -> None:
        """A head that does not end within some MiB is not collected any further."""
        found = exchange(server, beginning + piece * ENDLESS)
        assert (found.refused, found.reveals, found.silent) == (True, False, False)

    @rule(3, PARSING, needs='http')
    def test_empty_line_before_a_request_is_skipped(self, server: Subject) -> None:
        """Old clients send a line end too many behind a body."""
        with server.connect() as connection:
            assert connection.send(b'\r\n' + request('/answer?body=a')).response().body == b'a'

    @rule(3, HOST, needs='http')
    def test_host_that_is_missing_is_not_invented(self, server: Subject, witness: Witness) -> None:
        """An HTTP/1.1 request without Host is refused, or the application can see that there was none."""
        assert environ_of(server, witness).get('HTTP_HOST', '') == ''

    @rule(3, HOST, needs='http')
    def test_of_two_hosts_none_is_chosen(self, server: Subject, witness: Witness) -> None:
        """A request with two hosts is refused, or the application gets both, which is no host that it could believe."""
        host = environ_of(server, witness, 'Host: a.example', 'Host: b.example').get('HTTP_HOST')
        assert host in (None, 'a.example,b.example', 'a.example, b.example')

    @rule(3, HOST, needs='http')
    @pytest.mark.parametrize('host', ['a b', 'a/b', 'a@b', '<a>', 'a:b', 'a,b', '\xe9', '[::1', 'a' * 5000])
    def test_host_that_is_none_is_not_mended(self, server: Subject, witness: Witness, host: str) -> None:
        """An invalid Host is refused, or the application gets it as it is, and may refuse it."""
        assert environ_of(server, witness, f'Host: {host}').get('HTTP_HOST', host) == host

    @rule(3, FIELDS, PARSING, needs='http')
    @pytest.mark.parametrize('value', ['a\0b', 'a\rb', '\0', 'a\0', '\ra'], ids=ascii)
    def test_no_cr_or_nul_in_a_value(self, server: Subject, witness: Witness, value: str) -> None:
        """CR, LF and NUL never reach the application: the request is refused, or each becomes a space."""
        environ = environ_of(server, witness, 'Host: kit.example', f'X-A: {value}')
        assert environ.get('HTTP_X_A', '') in ('', value.translate({0: ' ', 13: ' '}).strip())

    @rule(3, LINE, PARSING, needs='http', thorough=True)
    @pytest.mark.parametrize('seed', range(20))
    def test_damaged_requests_do_no_harm(self, server: Subject, seed: int) -> None:
        """A valid request of which some bytes were changed, lost or doubled."""
        for data in damaged(VALID.replace(b'IDENTITY', b'0'), random.Random(seed)):
            found = exchange(server, data)
            assert (found.fails, found.reveals) == (False, False), data

    @rule(3, LINE, PARSING, needs='http')
    def test_valid_request_of_a_corpus_is_answered(
        self, server: Subject, witness: Witness, valid_request: Path
    ) -> None:
        """What `--bottle-corpus` holds as valid reaches the application, with its method."""
        data = unescaped(valid_request.read_bytes())
        method = data.lstrip().split()[0].decode('latin-1')
        for found, methods in replayed(server, witness, data):
            assert (methods[:1], found.reveals) == ([method], False)

    @rule(3, LINE, PARSING, needs='http')
    def test_invalid_request_of_a_corpus_does_no_harm(
        self, server: Subject, witness: Witness, invalid_request: Path
    ) -> None:
        """What `--bottle-corpus` holds as invalid is refused, or at least taken for nothing that it does not say."""
        data = unescaped(invalid_request.read_bytes())
        for found, methods in replayed(server, witness, data):
            assert [each for each in methods if each.encode('latin-1') not in data] == []
            assert (found.fails, found.reveals) == (False, False)


def replayed(server: Subject, witness: Witness, data: bytes) -> Iterator[tuple[Exchange, list[str]]]:
    """Send bytes in every way, and yield what comes back and the methods of the requests that the application gets.

    Parameters:
        server: the running server.
        witness: what has heard of them.
        data: what is sent.
    """
    before = len(witness.everything())
    for found in exchanges(server, data):
        told = witness.everything()
        methods = [each['method'] for each in told[before:] if each['event'] == 'called']
        yield found, methods[:-1]  # the last one was asked for behind the exchange
        before = len(told)


def damaged(data: bytes, chosen: random.Random) -> list[bytes]:
    """Return variants of a request with one byte changed, one lost, some doubled, or the end lost.

    Parameters:
        data: the request.
        chosen: where, and what.
    """
    place, length = chosen.randrange(len(data)), chosen.randrange(1, 20)
    before, behind = data[:place], data[place:]
    changed = before + chosen.randbytes(1) + behind[1:]
    return [changed, before + behind[1:], before + behind[:length] * 2 + behind[length:], before]
