"""What the application tells arrives, and its responses can be held."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bottle_conformance import application
from bottle_conformance.witness import VARIABLE, Witness


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Witness]:
    """Hear what the application in this process tells."""
    with Witness() as found:
        monkeypatch.setenv(VARIABLE, found.path)
        yield found


def environ(identity: str) -> dict[str, str]:
    """Return what the application tells of a request by."""
    return {'HTTP_X_ID': identity}


def test_what_is_told_is_kept_in_order_and_by_request(witness: Witness) -> None:
    for identity, event in [('a', 'called'), ('b', 'called'), ('a', 'closed')]:
        application.tell(environ(identity), event)
    witness.wait('a', 'closed')
    assert [each['event'] for each in witness.events('a')] == ['called', 'closed']
    assert [each['id'] for each in witness.everything()] == ['a', 'b', 'a']
    assert len(witness.events('a', 'closed')) == 1


def test_what_is_not_told_is_missed_in_time(witness: Witness) -> None:
    application.tell(environ('a'), 'called')
    with pytest.raises(TimeoutError, match="'closed' 1 times"):
        witness.wait('a', 'closed', timeout=0.1)
    with pytest.raises(TimeoutError, match="'called' 2 times"):
        witness.wait('a', 'called', 2, timeout=0.1)


def test_a_response_is_held_until_it_is_released(witness: Witness) -> None:
    opened: list[bool] = []
    holding = threading.Thread(target=lambda: opened.append(application.hold(environ('a'))))
    holding.start()
    witness.wait_until_held('a')
    assert opened == []
    witness.release('a')
    holding.join(5)
    assert opened == [True]


def test_who_is_held_at_the_end_goes_on_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    with Witness() as witness:
        monkeypatch.setenv(VARIABLE, witness.path)
        holding = threading.Thread(target=lambda: opened.append(application.hold(environ('a'))))
        holding.start()
        witness.wait_until_held('a')
    holding.join(5)
    assert opened == [False]
    assert not Path(witness.path).parent.exists()


def test_nobody_is_released_who_is_not_held(witness: Witness) -> None:
    with pytest.raises(TimeoutError, match='a held response'):
        witness.wait_until_held('a', timeout=0.1)
