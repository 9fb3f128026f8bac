"""Many clients at once: each gets the answer to its own request (PEP 3333, "Thread Support")."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject

CLIENTS = 50
NUMBERS = [str(number) for number in range(100, 100 + CLIENTS)]
THREADS = 'PEP 3333, "Thread Support"'


class IsolationSuite:
    """What is one client's stays that client's."""

    @rule(1, THREADS)
    def test_environs_never_mix(self, server: Subject) -> None:
        """Each of 50 clients at once gets its own environ."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            environs = list(pool.map(lambda number: server.called(f'/{number}', f'X-Number: {number}'), NUMBERS))
        seen = [(each['PATH_INFO'][1], each['HTTP_X_NUMBER'][1]) for each in environs]
        assert seen == [(f'/{number}', number) for number in NUMBERS]

    @rule(1, THREADS)
    def test_bodies_never_mix(self, server: Subject) -> None:
        """Each of 50 clients at once gets the body that it has sent."""
        bodies = [number.encode() * 20_000 for number in NUMBERS]

        def echoed(body: bytes) -> bytes:
            return server.ask('/echo', f'Content-Length: {len(body)}', method='POST', body=body).body

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert list(pool.map(echoed, bodies)) == bodies

    @rule(1, THREADS)
    def test_request_and_response_of_a_framework_never_mix(self, server: Subject) -> None:
        """Bottle's `request` and `response` are each client's own while a handler runs."""
        size = len(NUMBERS[0])

        def seen(number: str) -> tuple[str, str | None]:
            target, length = f'/bottle/whole/{number}?number={number}', f'Content-Length: {size}'
            response = server.ask(target, length, method='POST', body=number.encode())
            return response.body.decode(), response.get('X-Number')

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert list(pool.map(seen, NUMBERS)) == [(number, number) for number in NUMBERS]

    @rule(1, THREADS)
    def test_request_of_a_framework_is_there_while_it_streams(self, server: Subject) -> None:
        """Bottle's `request` is each client's own while a body is sent, wherever the server asks for the pieces."""

        def seen(number: str) -> set[str]:
            return set(server.ask(f'/bottle/streamed/{number}?number={number}').body.decode().split())

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert list(pool.map(seen, NUMBERS)) == [{number} for number in NUMBERS]

    @rule(1, 'PEP 3333, "environ Variables"')
    def test_a_changed_environ_changes_no_other(self, server: Subject) -> None:
        """An application may change its environ; the next request gets a new one."""
        server.ask('/mark', identity=new_identity())
        environ = server.called('/after')
        assert ('kit.mark' in environ, environ['SCRIPT_NAME'][1], environ['PATH_INFO'][1]) == (False, '', '/after')
