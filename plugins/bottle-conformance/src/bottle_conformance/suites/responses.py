"""From what the application returns to the bytes of a response (PEP 3333, RFC 9110, RFC 9112)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.observing import END, is_cut, rest, so_far
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

START = 'PEP 3333, "The start_response() Callable"'
LENGTH = 'PEP 3333, "Handling the Content-Length Header"'
BOUNDARIES = 'PEP 3333, "Buffering and Streaming"'
FILES = 'PEP 3333, "Optional Platform-Specific File Handling"'
ERRORS = 'PEP 3333, "Error Handling"'
IMPATIENCE = 3.0  # seconds for what a server does at once or never
BODILESS = ['answer?status=204', 'answer?status=304', 'answer?status=204&body=hello', 'answer?status=304&body=hello']
UNTOLD = ['long?count=0', 'long?count=1', 'long?count=3', 'listed?count=0', 'listed?count=1', 'listed?count=3']
HEADS = ['answer?body=hello&length=5', 'answer?body=hello', 'long?count=3', 'listed?count=1', 'listed?count=3', 'write']


class ResponsesSuite:
    """What the client gets."""

    @rule(1, START, 'RFC 9112, 4')
    def test_status_is_that_of_the_application(self, server: Subject) -> None:
        """The code is passed on, also one that nobody has registered."""
        response = server.ask('/answer?status=299&body=hello')
        assert (response.status, response.body) == (299, b'hello')

    @rule(1, START, 'RFC 9112, 4', needs='http')
    def test_reason_is_that_of_the_application(self, server: Subject) -> None:
        """The reason phrase is passed on."""
        assert server.ask('/answer?status=299&body=hello').reason == 'Reason'

    @rule(1, START, 'RFC 9110, 5.3')
    def test_headers_of_one_name_keep_their_order(self, server: Subject) -> None:
        """Two headers of one name stay two, in order, or become a list."""
        values = server.ask('/answer?body=hello').all('X-Twice')
        assert [each.strip() for value in values for each in value.split(',')] == ['1', '2']

    @rule(1, START, 'RFC 6265, 3')
    def test_cookies_stay_apart(self, server: Subject) -> None:
        """Two Set-Cookie headers stay two: no client takes them apart."""
        response = server.ask('/cookies')
        assert (response.all('Set-Cookie'), response.get('X-Between')) == (['a=1', 'b=2'], '1')

    @rule(1, 'RFC 9110, 6.6.1')
    def test_there_is_one_date(self, server: Subject) -> None:
        """A response has one Date, which can be read."""
        (date,) = server.ask('/answer?body=hello').all('Date')
        assert parsedate_to_datetime(date).tzinfo is not None

    @rule(1, 'RFC 9110, 6.6.1')
    def test_date_of_the_application_is_kept(self, server: Subject) -> None:
        """A Date that the application gives is not doubled."""
        date = 'Sun, 06 Nov 1994 08:49:37 GMT'
        assert server.ask(f'/header?name={b"Date".hex()}&value={date.encode().hex()}').all('Date') == [date]

    @rule(1, START)
    def test_start_response_twice_is_an_error(self, server: Subject) -> None:
        """To call start_response again without exc_info raises an exception."""
        identity = new_identity()
        response = server.ask('/twice', identity=identity)
        told = so_far(server, identity, 'refused')
        assert (b'accepted' in response.body, len(told)) == (False, 1)

    @rule(1, START, ERRORS)
    def test_exc_info_replaces_what_is_not_sent(self, server: Subject) -> None:
        """Called with exc_info before anything is sent, start_response replaces status and all headers."""
        response = server.ask('/replace')
        found = (response.status, response.body, response.complete, response.get('X-Replaced'))
        assert found == (500, b'replaced', True, None)

    @rule(1, START, ERRORS, needs='streaming')
    def test_exc_info_raises_what_comes_too_late(self, server: Subject) -> None:
        """Called with exc_info when the headers are sent, start_response raises that exception."""
        identity = new_identity()
        response = server.ask('/replace?late=1', identity=identity)
        told = so_far(server, identity, 'raised again')
        assert (response.status, response.body, len(told)) == (200, b'sent', 1)

    @rule(1, 'PEP 3333, "The write() Callable"')
    def test_write(self, server: Subject) -> None:
        """What is written comes before what is returned."""
        assert server.ask('/write').body == b'one two three'

    @rule(1, START)
    def test_start_response_may_be_called_late(self, server: Subject) -> None:
        """An application may call start_response when its first piece is asked for."""
        assert server.ask('/late').body == b'late'

    @rule(1, 'RFC 9110, 9.3.2')
    @pytest.mark.parametrize('target', HEADS)
    def test_head_has_no_body(self, server: Subject, target: str) -> None:
        """Nothing follows the head of a response to HEAD, whatever the application yields."""
        assert rest(server, f'/{target}', 'HEAD') == b''

    @rule(1, 'RFC 9110, 8.6', 'RFC 9110, 9.3.2')
    @pytest.mark.parametrize('target', HEADS)
    def test_head_has_no_wrong_length(self, server: Subject, target: str) -> None:
        """Content-Length in a response to HEAD is that of the response to GET, or absent."""
        length = str(len(server.ask(f'/{target}').body))
        assert server.ask(f'/{target}', method='HEAD').get('Content-Length') in (None, length)

    @rule(2, 'RFC 9110, 9.3.2', 'RFC 9112, 6.3', needs='keep_alive')
    @pytest.mark.parametrize('target', [*HEADS, *BODILESS])
    def test_a_body_too_many_does_not_pass_for_a_response(self, server: Subject, target: str) -> None:
        """What the application yields for HEAD, 204 or 304 never comes before the next response."""
        method = 'GET' if target in BODILESS else 'HEAD'
        with server.connect() as connection:
            connection.send(request(f'/{target}', method=method, close=False))
            connection.response(method)
            connection.send(request('/answer?body=next&status=299'))
            following = connection.responses()
        assert [(each.status, each.body) for each in following] in ([], [(299, b'next')])

    @rule(1, 'RFC 9112, 6.3')
    @pytest.mark.parametrize('target', BODILESS)
    def test_204_and_304_have_no_body(self, server: Subject, target: str) -> None:
        """Nothing follows the head of 204 and 304; an application that yields something may be answered with 500."""
        with server.connect() as connection:
            head = connection.send(request(f'/{target}')).read_until(END)
            body = connection.read_all()
        assert body == b'' or (b' 500 ' in head.partition(b'\r\n')[0] and 'body' in target)

    @rule(1, 'RFC 9110, 8.6', 'RFC 9112, 6.1')
    @pytest.mark.parametrize('status', [204, 304])
    def test_204_and_304_declare_no_body(self, server: Subject, status: int) -> None:
        """204 has neither Content-Length nor Transfer-Encoding, and 304 no length that the 200 would not have."""
        response = server.ask(f'/answer?status={status}')
        assert (response.status, response.get('Content-Length'), response.get('Transfer-Encoding')) == (
            status,
            None,
            None,
        )

    @rule(1, LENGTH)
    def test_length_of_the_application_is_kept(self, server: Subject) -> None:
        """Content-Length is passed on as the application gives it, once."""
        response = server.ask('/answer?body=hello&length=5')
        found = (response.all('Content-Length'), response.get('Transfer-Encoding'), response.body)
        assert found == (['5'], None, b'hello')

    @rule(1, LENGTH, 'RFC 9112, 6.3')
    @pytest.mark.parametrize('target', ['answer?body=abcdefghij&length=7', 'misdeclared?declared=7&count=2'])
    def test_more_than_declared_is_never_sent(self, server: Subject, target: str) -> None:
        """No byte beyond Content-Length is sent: it would pass for the beginning of another response."""
        assert len(rest(server, f'/{target}')) <= 7

    @rule(1, LENGTH, 'RFC 9112, 8', needs='http')
    @pytest.mark.parametrize('target', ['answer?body=hello&length=7', 'misdeclared?declared=12&count=2'])
    def test_fewer_than_declared_close_the_connection(self, server: Subject, target: str) -> None:
        """A response that is shorter than its Content-Length ends with the connection, so that no client waits."""
        with server.connect(timeout=IMPATIENCE) as connection:
            head = connection.send(request(f'/{target}', close=False)).read_until(END)
            assert b'500' in head.split()[1:2] or is_cut(connection, head)

    @rule(1, BOUNDARIES, needs='streaming')
    def test_pieces_are_sent_when_they_are_yielded(self, server: Subject) -> None:
        """A piece is sent before the next one is asked for."""
        identity = new_identity()
        with server.connect(timeout=IMPATIENCE) as connection:
            connection.send(request('/stream', identity=identity))
            server.witness.wait_until_held(identity)
            try:
                first = connection.read_until(b'aaaaa')
            finally:
                server.witness.release(identity)
            assert (first.endswith(b'aaaaa'), b'bbbbb' in connection.read_all()) == (True, True)

    @rule(1, BOUNDARIES, 'RFC 9112, 7.1')
    def test_empty_pieces_end_nothing(self, server: Subject) -> None:
        """An empty piece is no last chunk."""
        response = server.ask('/sparse')
        assert (response.body, response.complete) == (b'ab', True)

    @rule(1, LENGTH, 'RFC 9112, 6.3')
    @pytest.mark.parametrize('target', UNTOLD)
    def test_bodies_without_a_length_end(self, server: Subject, target: str) -> None:
        """The end of a body of unknown length is told by its length, by chunks or by the end of the connection."""
        with server.connect() as connection:
            response = connection.send(request(f'/{target}', close=False)).response()
        assert (response.body, response.complete) == (b'x' * 5 * int(target[-1]), True)

    @rule(1, 'RFC 9112, 6.1')
    @pytest.mark.parametrize('target', [*UNTOLD, 'stream?length=0', 'write', 'sparse'])
    def test_http_1_0_has_no_chunks(self, server: Subject, target: str) -> None:
        """A client that speaks HTTP/1.0 gets no chunks, which it would take for the body."""
        identity = new_identity()
        with server.connect() as connection:
            connection.send(request(f'/{target}', version='HTTP/1.0', identity=identity))
            if target.startswith('stream'):
                server.witness.release(identity)
            assert connection.response().get('Transfer-Encoding') is None

    @rule(1, BOUNDARIES)
    @pytest.mark.parametrize('declared', [0, 1])
    def test_a_long_body_is_whole(self, server: Subject, declared: int) -> None:
        """Six megabytes arrive, in pieces of any size."""
        response = server.ask(f'/long?count=60&length=100003&declared={declared}')
        assert (response.body == b'x' * 60 * 100_003, response.complete) == (True, True)

    @rule(1, FILES, needs='file_wrapper')
    @pytest.mark.parametrize('kind', ['memory', 'disk'])
    @pytest.mark.parametrize(('start', 'declared'), [(0, ''), (0, '100000'), (17, ''), (17, '99983')])
    def test_a_file_is_sent(self, server: Subject, kind: str, start: int, declared: str) -> None:
        """wsgi.file_wrapper sends a file from where it stands to its end, with or without a Content-Length."""
        identity = new_identity()
        size = f'&declared={declared}' if declared else ''
        response = server.ask(f'/file?length=100000&kind={kind}&start={start}{size}', identity=identity)
        assert (response.body == (b'0123456789' * 10_000)[start:], response.complete) == (True, True)
        assert server.told(identity, 'file')['wrapper'] is True

    @rule(1, FILES, LENGTH, needs='file_wrapper')
    @pytest.mark.parametrize('kind', ['memory', 'disk'])
    def test_a_file_is_not_sent_beyond_the_length(self, server: Subject, kind: str) -> None:
        """wsgi.file_wrapper sends no more than Content-Length."""
        assert rest(server, f'/file?length=1000&kind={kind}&declared=15') in (b'012345678901234', b'')

    @rule(1, FILES, needs='file_wrapper')
    def test_a_sent_file_is_closed(self, server: Subject) -> None:
        """wsgi.file_wrapper closes the file."""
        identity = new_identity()
        server.ask('/file?length=100000&kind=disk&declared=100000', identity=identity)
        assert server.told(identity, 'file closed')

    @rule(1, ERRORS)
    @pytest.mark.parametrize('when', ['before', 'after', 'first'])
    def test_an_exception_is_answered(self, server: Subject, when: str) -> None:
        """An exception before anything is sent is answered with 500, without a word about its cause."""
        response = server.ask(f'/fail?when={when}')
        leaks = [each for each in (b'ValueError', b'Traceback', b'.py', when.encode()) if each in response.body]
        assert (response.status, leaks) == (500, [])

    @rule(1, ERRORS, 'RFC 9112, 8', needs='http')
    def test_an_exception_cuts_a_declared_body(self, server: Subject) -> None:
        """When the application raises in the middle of a body with a Content-Length, the connection is closed."""
        with server.connect(timeout=IMPATIENCE) as connection:
            head = connection.send(request('/fail?when=between&declared=1', close=False)).read_until(END)
            assert is_cut(connection, head)

    @rule(2, ERRORS, 'RFC 9112, 8', needs='http streaming')
    def test_an_exception_cuts_a_body_of_unknown_length(self, server: Subject) -> None:
        """When the application raises in the middle of a body, the client can tell: no last chunk, or a reset."""
        with server.connect(timeout=IMPATIENCE) as connection:
            head = connection.send(request('/fail?when=between', close=False)).read_until(END)
            assert is_cut(connection, head)
