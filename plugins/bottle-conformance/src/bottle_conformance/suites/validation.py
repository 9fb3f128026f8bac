"""Everything under the validator of the standard library, which looks at both sides (PEP 3333)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bottle_conformance.observing import so_far
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

WSGI = 'PEP 3333'


class ValidationSuite:
    """What `wsgiref.validate` finds between the server and an application."""

    @rule(1, WSGI)
    @pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE'])
    @pytest.mark.parametrize(
        ('target', 'status'),
        [
            ('report', 200),
            ('echo', 200),
            ('ignore', 200),
            ('long?count=3', 200),
            ('long?count=3&declared=1', 200),
            ('long?count=0', 200),
            ('sparse', 200),
            ('listed?count=2', 200),
            ('write', 200),
            ('cookies', 200),
            ('complain', 200),
            ('answer?status=204', 204),
            ('answer?status=304', 304),
            ('bottle/missing', 404),
        ],
        ids=lambda value: str(value).partition('?')[0],
    )
    def test_nothing_is_found(self, server: Subject, method: str, target: str, status: int) -> None:
        """Neither the server nor the kit's application breaks a rule that the validator knows."""
        identity, body = new_identity(), b'a=1' if method == 'POST' else b''
        size = [f'Content-Length: {len(body)}'] if body else []
        response = server.ask(f'/validated/{target}', *size, method=method, body=body, identity=identity)
        assert (so_far(server, identity, 'invalid'), response.status) == ([], status)
        server.told(identity, 'closed')
        assert server.witness.events(identity, 'invalid') == []
