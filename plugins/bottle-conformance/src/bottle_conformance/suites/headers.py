"""What an application puts into a header stays there (RFC 9110, section 5.5; RFC 9112, section 11.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bottle_conformance.observing import so_far
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

SPLITTING = 'RFC 9112, 11.1'
NAME = b'X-Name'
FORBIDDEN = {
    'line': b'\r\nX-Injected: 1',
    'response': b'\r\n\r\nHTTP/1.1 299 Injected\r\nContent-Length: 0\r\n\r\n',
    'line feed': b'\nX-Injected: 1',
    'carriage return': b'\rX-Injected: 1',
    'null': b'\0X-Injected',
}


class HeadersSuite:
    """Headers of responses that are not well-formed."""

    @rule(3, SPLITTING, 'RFC 9110, 5.5', 'PEP 3333, "The start_response() Callable"')
    @pytest.mark.parametrize('part', ['name', 'value', 'reason'])
    @pytest.mark.parametrize('text', FORBIDDEN.values(), ids=FORBIDDEN)
    def test_no_header_is_injected(self, server: Subject, part: str, text: bytes) -> None:
        """CR, LF and NUL in a name, a value or a reason never reach the client as they are."""
        with server.connect() as connection:
            connection.send(request(f'/header?{part}={(NAME + text).hex()}'))
            received = connection.read_all()
        seen = (received.startswith(b'HTTP/1.'), text.lower() in received.lower(), b' 299 ' in received)
        assert seen == (True, False, False)

    @rule(1, 'PEP 3333, "The start_response() Callable"')
    @pytest.mark.parametrize('part', ['name', 'value'])
    def test_the_application_is_told(self, server: Subject, part: str) -> None:
        """A header that cannot be sent raises an exception in start_response, or is answered with 500."""
        identity = new_identity()
        response = server.ask(f'/header?{part}={(NAME + FORBIDDEN["line"]).hex()}', identity=identity)
        assert so_far(server, identity, 'refused') or response.status == 500

    @rule(1, 'PEP 3333, "Unicode Issues"')
    def test_values_are_sent_as_latin_1(self, server: Subject) -> None:
        """Each character of a value is sent as one byte."""
        value = bytes(range(0xA1, 0x100))
        found = server.ask(f'/header?value={value.hex()}').get('X-Name')
        assert found == value.decode('latin-1')
