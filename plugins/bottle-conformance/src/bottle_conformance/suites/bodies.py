"""Bodies of requests: what the client has sent is what the application reads (PEP 3333, "Input and Error Streams")."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.corpus import WAYS, cut
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.client import Response
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

STREAMS = 'PEP 3333, "Input and Error Streams"'
LENGTH = 'RFC 9112, 6.2'
CHUNKED = 'RFC 9112, 7.1'
EXPECT = 'RFC 9110, 10.1.1'
TE = 'Transfer-Encoding: chunked'
MEBIBYTE = 1 << 20
PATIENCE = 60.0  # seconds for what is large
DRIP = 0.02  # seconds between the bytes of a slow client
TEXT = b'one\ntwo\r\n\nlast'
LINES = ['one\n', 'two\r\n', '\n', 'last']
NOISE = random.Random(5).randbytes(3000)

CHUNKINGS = {
    'one chunk': (b'5\r\nhello\r\n0\r\n\r\n', b'hello'),
    'several chunks': (b'5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n', b'hello world'),
    'no chunk': (b'0\r\n\r\n', b''),
    'bytes': (b''.join(b'1\r\n%c\r\n' % each for each in NOISE[:100]) + b'0\r\n\r\n', NOISE[:100]),
    'line ends in chunks': (b'6\r\n\r\n0\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n', b'\r\n0\r\n\r\n'),
    'extensions': (b'5;a\r\nhello\r\n6;b=c;d="e;f"\r\n world\r\n0;g\r\n\r\n', b'hello world'),
    'trailers': (b'5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n', b'hello'),
    'upper-case sizes': (b'A\r\n0123456789\r\nBB8\r\n' + NOISE + b'\r\n0\r\n\r\n', b'0123456789' + NOISE),
    'lower-case sizes': (b'a\r\n0123456789\r\nbb8\r\n' + NOISE + b'\r\n0\r\n\r\n', b'0123456789' + NOISE),
    'leading zeros': (b'0005\r\nhello\r\n000\r\n\r\n', b'hello'),
}

READS = {
    'read': [TEXT.decode()],
    'read.-1': [TEXT.decode()],
    'read.5,read.5,read.5': ['one\nt', 'wo\r\n\n', 'last'],
    'read.0,read.100': ['', TEXT.decode()],
    'readline,readline,read': ['one\n', 'two\r\n', '\nlast'],
    'readline.2,readline.9,read.3,read': ['on', 'e\n', 'two', '\r\n\nlast'],
    'read,read,read.1,readline': [TEXT.decode(), '', '', ''],
}


def as_chunks(body: bytes, size: int) -> bytes:
    """Return a body in chunks (RFC 9112, section 7.1).

    Parameters:
        body: the body.
        size: the length of each chunk but the last in bytes.
    """
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in [*pieces, b''])


class BodiesSuite:
    """What the application reads of a body, and what becomes of one that it does not read."""

    @rule(1, STREAMS, LENGTH)
    @pytest.mark.parametrize('length', [0, 1, 65536, 5 * MEBIBYTE])
    def test_body_of_declared_length_is_read_whole(self, server: Subject, length: int) -> None:
        """Every byte arrives, and nothing besides."""
        body = random.Random(length).randbytes(length)
        assert posted(server, '/digest', body).body == expected(body)

    @rule(1, STREAMS, LENGTH, thorough=True)
    def test_very_long_body_is_read_whole(self, server: Subject) -> None:
        """100 MiB arrive whole."""
        piece, seen = random.Random(1).randbytes(MEBIBYTE), hashlib.sha256()
        head = request('/digest', f'Content-Length: {100 * MEBIBYTE}', method='POST')
        with server.connect(timeout=PATIENCE) as connection:
            connection.send_pieces([head, *[piece] * 100])
            answer = connection.response().body
        for _ in range(100):
            seen.update(piece)
        assert answer == f'{100 * MEBIBYTE} {seen.hexdigest()}'.encode()

    @rule(1, STREAMS, LENGTH)
    @pytest.mark.parametrize('way', WAYS)
    def test_body_of_declared_length_in_packets(self, server: Subject, way: str) -> None:
        """However the bytes are spread over packets, the same body is read."""
        head = request('/echo', f'Content-Length: {len(NOISE[:300])}', method='POST')
        assert sent(server, cut(head + NOISE[:300], way)).body == NOISE[:300]

    @rule(1, STREAMS, CHUNKED, needs='chunked_requests')
    @pytest.mark.parametrize('way', WAYS)
    @pytest.mark.parametrize(('coded', 'body'), CHUNKINGS.values(), ids=CHUNKINGS)
    def test_chunked_body_in_packets(self, server: Subject, coded: bytes, body: bytes, way: str) -> None:
        """The application reads the decoded body: without sizes, extensions and trailers."""
        answer = sent(server, cut(request('/echo', TE, method='POST') + coded, way))
        assert (answer.status, answer.body) == (200, body)

    @rule(1, STREAMS, CHUNKED, needs='chunked_requests')
    @pytest.mark.parametrize('size', [997, 65536, MEBIBYTE])
    def test_long_chunked_body_is_read_whole(self, server: Subject, size: int) -> None:
        """5 MiB arrive whole, in small chunks and in large ones."""
        body = random.Random(size).randbytes(5 * MEBIBYTE)
        with server.connect(timeout=PATIENCE) as connection:
            answer = connection.send(request('/digest', TE, method='POST') + as_chunks(body, size)).response()
        assert answer.body == expected(body)

    @rule(1, STREAMS)
    @pytest.mark.parametrize('calls', READS)
    def test_reading_of_declared_length(self, server: Subject, calls: str) -> None:
        """`read` and `readline` give what they give on a file; at the end nothing, at once."""
        assert json.loads(posted(server, f'/calls?do={calls}', TEXT).body) == READS[calls]

    @rule(1, STREAMS, needs='chunked_requests')
    @pytest.mark.parametrize('calls', READS)
    def test_reading_of_chunks(self, server: Subject, calls: str) -> None:
        """`read` and `readline` do not stop at the end of a chunk, and give nothing at the end of the body."""
        head = request(f'/calls?do={calls}', TE, method='POST')
        assert json.loads(sent(server, [head + as_chunks(TEXT, 4)]).body) == READS[calls]

    @rule(1, STREAMS)
    @pytest.mark.parametrize('way', ['iter', 'readline', 'readlines'])
    def test_lines_of_declared_length(self, server: Subject, way: str) -> None:
        """The three ways to read lines give the same lines."""
        assert json.loads(posted(server, f'/lines?way={way}', TEXT).body) == LINES

    @rule(1, STREAMS, needs='chunked_requests')
    @pytest.mark.parametrize('way', ['iter', 'readline', 'readlines'])
    def test_lines_of_chunks(self, server: Subject, way: str) -> None:
        """Lines do not end where chunks do."""
        head = request(f'/lines?way={way}', TE, method='POST')
        assert json.loads(sent(server, [head + as_chunks(TEXT, 4)]).body) == LINES

    @rule(1, STREAMS)
    def test_request_without_body_has_an_empty_one(self, server: Subject) -> None:
        """Reading gives nothing at once, and takes nothing of a request that follows."""
        assert json.loads(server.ask('/calls?do=read.5,readline,read').body) == ['', '', '']

    @rule(1, 'RFC 9112, 9.6')
    @pytest.mark.parametrize('length', [5, 65536, MEBIBYTE])
    def test_unread_body_does_not_lose_the_response(self, server: Subject, length: int) -> None:
        """The client gets the response also when the application leaves the body where it is."""
        head = request('/ignore', f'Content-Length: {length}', method='POST')
        assert sent(server, [head, b'x' * length]).body == b'ignored'

    @rule(1, 'RFC 9112, 9.6', needs='chunked_requests')
    @pytest.mark.parametrize('length', [5, 65536, MEBIBYTE])
    def test_unread_chunks_do_not_lose_the_response(self, server: Subject, length: int) -> None:
        """The same with a body whose length is not known before."""
        assert sent(server, [request('/ignore', TE, method='POST'), as_chunks(b'x' * length, 9973)]).body == b'ignored'

    @rule(1, STREAMS, 'RFC 9112, 8')
    def test_body_that_is_cut_is_never_complete(self, server: Subject, witness: Witness) -> None:
        """Of a body that ends before its declared length the application gets an error, or less."""
        seen = cut_off(server, witness, 'Content-Length: 100', b'x' * 50)
        assert [each['length'] for each in seen if each['length'] >= 100] == []

    @rule(1, STREAMS, 'RFC 9112, 8')
    @pytest.mark.parametrize('sent', [b'5\r\nhello\r\n', b'5\r\nhel', b'5\r\nhello\r\n5', b'5\r\nhello\r\n0', b''])
    def test_chunked_body_that_is_cut_is_never_complete(self, server: Subject, witness: Witness, sent: bytes) -> None:
        """Of chunks without the last one the application gets an error: nothing else would tell it."""
        assert cut_off(server, witness, TE, sent) == []

    @rule(1, STREAMS)
    def test_slow_body_is_read_whole(self, server: Subject) -> None:
        """A read waits for what has not arrived yet."""
        head = request('/echo', 'Content-Length: 12', method='POST')
        assert sent(server, [head, *cut(b'hello, world', 'by byte')], DRIP).body == b'hello, world'

    @rule(1, STREAMS, needs='chunked_requests')
    def test_slow_chunked_body_is_read_whole(self, server: Subject) -> None:
        """A pause in the middle of a size or of a line end means nothing."""
        pieces = [request('/echo', TE, method='POST'), *cut(CHUNKINGS['extensions'][0], 'by byte')]
        assert sent(server, pieces, DRIP).body == b'hello world'

    @rule(1, EXPECT, 'PEP 3333, "HTTP 1.1 Expect/Continue"', needs='http')
    def test_100_is_sent_before_the_body(self, server: Subject) -> None:
        """A client that waits for 100 (Continue) gets it, and then its response."""
        with server.connect() as connection:
            connection.send(request('/echo', 'Content-Length: 5', 'Expect: 100-continue', method='POST'))
            interim = connection.read_until(b'\r\n\r\n')
            answer = connection.send(b'hello').response()
        assert (interim[:13], answer.status, answer.body) == (b'HTTP/1.1 100 ', 200, b'hello')

    @rule(1, EXPECT, 'PEP 3333, "HTTP 1.1 Expect/Continue"', needs='chunked_requests')
    def test_100_is_sent_before_chunks(self, server: Subject) -> None:
        """The same with chunks, in upper case: the expectation has no case."""
        with server.connect() as connection:
            connection.send(request('/echo', TE, 'Expect: 100-Continue', method='POST'))
            interim = connection.read_until(b'\r\n\r\n')
            answer = connection.send(b'5\r\nhello\r\n0\r\n\r\n').response()
        assert (interim[:13], answer.status, answer.body) == (b'HTTP/1.1 100 ', 200, b'hello')

    @rule(1, EXPECT, needs='http')
    def test_client_that_expects_100_is_never_left_waiting(self, server: Subject) -> None:
        """Where the application reads nothing, the client gets its response, or 100 first."""
        with server.connect() as connection:
            connection.send(request('/ignore', 'Content-Length: 5', 'Expect: 100-continue', method='POST'))
            head = connection.read_until(b'\r\n\r\n')
            final = connection.send(b'hello').response().status if b' 100 ' in head[:13] else int(head[9:12])
        assert final == 200

    @rule(1, EXPECT, needs='http')
    def test_body_that_does_not_wait_for_100(self, server: Subject) -> None:
        """A client may send its body at once; 100 may be left out then."""
        answer = server.ask('/echo', 'Content-Length: 5', 'Expect: 100-continue', method='POST', body=b'hello')
        assert (answer.status, answer.body) == (200, b'hello')

    @rule(1, EXPECT, 'RFC 9110, 15.2', needs='http')
    def test_no_100_for_http_1_0(self, server: Subject) -> None:
        """The expectation of an HTTP/1.0 client is ignored, because it does not know interim responses."""
        headers = ('Content-Length: 5', 'Expect: 100-continue')
        answer = server.ask('/echo', *headers, method='POST', body=b'hello', version='HTTP/1.0')
        assert (answer.status, answer.body, answer.interim) == (200, b'hello', [])

    @rule(1, EXPECT, needs='http')
    def test_unknown_expectation(self, server: Subject) -> None:
        """Another expectation is ignored, or refused with 417 (Expectation Failed)."""
        headers = ('Content-Length: 5', 'Expect: 200-maybe')
        assert server.ask('/echo', *headers, method='POST', body=b'hello').status in (200, 417)


def expected(body: bytes) -> bytes:
    """Return what `/digest` answers to a body.

    Parameters:
        body: the body.
    """
    return f'{len(body)} {hashlib.sha256(body).hexdigest()}'.encode()


def sent(server: Subject, pieces: list[bytes], pause: float = 0.0) -> Response:
    """Send a request in pieces and return the response.

    Parameters:
        server: the running server.
        pieces: the head and the body.
        pause: how long to wait after each piece, in seconds.
    """
    with server.connect() as connection:
        return connection.send_pieces(pieces, pause).response()


def posted(server: Subject, target: str, body: bytes) -> Response:
    """Send a body of declared length and return the response.

    Parameters:
        server: the running server.
        target: the request target.
        body: the body.
    """
    return sent(server, [request(target, f'Content-Length: {len(body)}', method='POST'), body])


def cut_off(server: Subject, witness: Witness, framing: str, part: bytes) -> list[dict[str, int]]:
    """Send a part of a body, leave, and return which bodies the application took for complete.

    Parameters:
        server: the running server.
        witness: what has heard of them.
        framing: the header that says how long the body is.
        part: the part that is sent.
    """
    identity = new_identity()
    with server.connect() as connection:
        connection.send(request('/echo', framing, method='POST', identity=identity) + part).end().read_all()
    server.called()  # what was told before has reached the witness then
    return witness.events(identity, 'body')
