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
TARGETS = {
    'whole': ('report', 200),
    'echo': ('echo', 200),
    'unread body': ('ignore', 200),
    'unknown length': ('long?count=3', 200),
    'declared length': ('long?count=3&declared=1', 200),
    'empty': ('long?count=0', 200),
    'empty pieces': ('sparse', 200),
    'list': ('listed?count=2', 200),
    'written': ('write', 200),
    'headers of one name': ('cookies', 200),
    'errors': ('complain', 200),
    '204': ('answer?status=204', 204),
    '304': ('answer?status=304', 304),
    'framework': ('bottle/missing', 404),
}


class ValidationSuite:
    """What `wsgiref.validate` finds between the server and an application."""

    @rule(1, WSGI)
    @pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST'])
    @pytest.mark.parametrize(('target', 'status'), TARGETS.values(), ids=TARGETS)
    def test_nothing_is_found(self, server: Subject, method: str, target: str, status: int) -> None:
        """Neither the server nor the kit's application breaks a rule that the validator knows."""
        identity, body = new_identity(), b'a=1' if method == 'POST' else b''
        size = [f'Content-Length: {len(body)}'] if body else []
        response = server.ask(f'/validated/{target}', *size, method=method, body=body, identity=identity)
        assert (so_far(server, identity, 'invalid'), response.status) == ([], status)
        server.told(identity, 'closed')
        assert server.witness.events(identity, 'invalid') == []
