"""The environ (PEP 3333, "environ Variables")."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bottle_conformance.rules import rule

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

VARIABLES = 'PEP 3333, "environ Variables"'
TEXTS = ('REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL')


class EnvironSuite:
    """What the application is told about a request."""

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
            ('/%2e%2e/', '/../'),
            ('/a+b', '/a+b'),
            ('/a//b', '/a//b'),
        ],
        ids=['utf-8', 'beyond the BMP', 'not utf-8', 'space', 'dots', 'plus', 'slashes'],
    )
    def test_path_info_is_decoded_once(self, server: Subject, target: str, path: str) -> None:
        """PATH_INFO is the percent-decoded path, byte for byte."""
        environ = server.called(target)
        assert environ['SCRIPT_NAME'][1] + environ['PATH_INFO'][1] == path

    @rule(1, VARIABLES, 'RFC 3875, 4.1.7')
    def test_query_string_is_not_decoded(self, server: Subject) -> None:
        """QUERY_STRING is what stands behind the first question mark, as it is."""
        assert server.called('/a?b=%C3%A9&c=+%20?d')['QUERY_STRING'] == ['str', 'b=%C3%A9&c=+%20?d']

    @rule(1, VARIABLES)
    def test_server_port_is_the_real_one(self, server: Subject) -> None:
        """SERVER_PORT is the port of the socket, as a text."""
        assert server.called()['SERVER_PORT'] == ['str', str(urlsplit(server.url).port)]
