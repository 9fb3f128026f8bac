"""However a response ends, its iterable is closed exactly once (PEP 3333, "Specification Details")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bottle_conformance.observing import endings
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

CLOSE = 'PEP 3333, "Specification Details", close()'
MANY, LARGE = 2000, 65536  # pieces, and bytes of each: more than any buffer between server and client holds


class EndingsSuite:
    """close() is called exactly once."""

    @rule(1, CLOSE)
    @pytest.mark.parametrize(
        ('method', 'target'),
        [
            ('GET', 'long?count=3'),
            ('GET', 'long?count=3&declared=1'),
            ('GET', 'long?count=0'),
            ('GET', 'sparse'),
            ('GET', 'write'),
            ('GET', 'late'),
            ('GET', 'answer?status=304'),
            ('HEAD', 'long?count=3'),
            ('HEAD', 'answer?body=hello&length=5'),
            ('GET', 'fail?when=first'),
            ('GET', 'fail?when=between'),
            ('GET', 'fail?when=between&declared=1'),
            ('GET', 'replace'),
            ('GET', 'replace?late=1'),
            ('GET', 'misdeclared?declared=7&count=2'),
            ('GET', 'misdeclared?declared=17&count=2'),
        ],
        ids=[
            'finished',
            'finished as declared',
            'empty',
            'empty pieces',
            'written',
            'started late',
            '304',
            'HEAD',
            'HEAD of a declared length',
            'exception at once',
            'exception',
            'exception in a declared body',
            'replaced',
            'replaced too late',
            'longer than declared',
            'shorter than declared',
        ],
    )
    def test_iterable_is_closed_once(self, server: Subject, method: str, target: str) -> None:
        """The server calls close() once, whether or not the response came to its end."""
        identity = new_identity()
        server.ask(f'/{target}', method=method, identity=identity)
        assert endings(server, identity) == [1]

    @rule(1, CLOSE)
    def test_iterable_is_closed_once_when_the_client_leaves(self, server: Subject) -> None:
        """A reset between two pieces ends the response, and its iterable is closed."""
        identity = new_identity()
        with server.connect() as connection:
            connection.send(request('/stream', identity=identity))
            server.witness.wait_until_held(identity)
            connection.reset()
        server.witness.release(identity)
        assert endings(server, identity) == [1]

    @rule(2, CLOSE, needs='streaming')
    def test_nothing_is_made_for_a_client_that_has_left(self, server: Subject) -> None:
        """When the client is gone, the server asks for no more pieces, and closes the iterable."""
        identity = new_identity()
        with server.connect() as connection:
            connection.send(request(f'/long?count={MANY}&length={LARGE}', identity=identity))
            connection.read(LARGE)
            connection.reset()
        assert server.told(identity, 'closed')['yielded'] < MANY
        assert endings(server, identity) == [1]
