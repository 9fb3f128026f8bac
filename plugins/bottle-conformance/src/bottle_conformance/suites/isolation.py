"""Many clients at once: each gets the answer to its own request (PEP 3333, "Thread Support")."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pytest

from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from bottle.serving import ServerAdapter
    from bottle_conformance.subject import Subject

CLIENTS, PROCESSES = 50, 4  # at once; processes cost more, and share less
Answer = TypeVar('Answer')
THREADS = 'PEP 3333, "Thread Support"'


def at_once(ask: Callable[[str], Answer], numbers: list[str]) -> list[Answer]:
    """Return what each client gets, all asking at once.

    Parameters:
        ask: called with the number of the client.
        numbers: those of the clients.
    """
    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(ask, numbers))


class IsolationSuite:
    """What is one client's stays that client's."""

    @pytest.fixture
    def numbers(self, adapter: type[ServerAdapter]) -> list[str]:
        """Return a number for each client."""
        count = PROCESSES if adapter.capabilities.concurrency == 'per-request' else CLIENTS
        return [str(100 + number) for number in range(count)]

    @rule(1, THREADS)
    def test_environs_never_mix(self, server: Subject, numbers: list[str]) -> None:
        """Each of 50 clients at once gets its own environ."""
        answers = at_once(lambda number: server.ask(f'/{number}', f'X-Number: {number}'), numbers)
        environs = [json.loads(each.body) for each in answers]  # so many at once would overrun the witness
        seen = [(each['PATH_INFO'][1], each['HTTP_X_NUMBER'][1]) for each in environs]
        assert seen == [(f'/{number}', number) for number in numbers]

    @rule(1, THREADS)
    def test_bodies_never_mix(self, server: Subject, numbers: list[str]) -> None:
        """Each of 50 clients at once gets the body that it has sent."""

        def is_own(number: str) -> bool:
            body = number.encode() * 20_000
            return server.ask('/echo', f'Content-Length: {len(body)}', method='POST', body=body).body == body

        assert at_once(is_own, numbers) == [True for _ in numbers]

    @rule(1, THREADS)
    def test_request_and_response_of_a_framework_never_mix(self, server: Subject, numbers: list[str]) -> None:
        """Bottle's `request` and `response` are each client's own while a handler runs."""

        def seen(number: str) -> tuple[str, str | None]:
            target, length = f'/bottle/whole/{number}?number={number}', f'Content-Length: {len(number)}'
            response = server.ask(target, length, method='POST', body=number.encode())
            return response.body.decode(), response.get('X-Number')

        assert at_once(seen, numbers) == [(number, number) for number in numbers]

    @rule(1, THREADS)
    def test_request_of_a_framework_is_there_while_it_streams(self, server: Subject, numbers: list[str]) -> None:
        """Bottle's `request` is each client's own while a body is sent, wherever the server asks for the pieces."""

        def seen(number: str) -> set[str]:
            return set(server.ask(f'/bottle/streamed/{number}?number={number}').body.decode().split())

        assert at_once(seen, numbers) == [{number} for number in numbers]

    @rule(1, 'PEP 3333, "environ Variables"')
    def test_a_changed_environ_changes_no_other(self, server: Subject) -> None:
        """An application may change its environ; the next request gets a new one."""
        server.ask('/mark', identity=new_identity())
        environ = json.loads(server.ask('/after').body)
        assert ('kit.mark' in environ, environ['SCRIPT_NAME'][1], environ['PATH_INFO'][1]) == (False, '', '/after')
