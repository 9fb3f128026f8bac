"""What is known not to hold: read, expected to fail, and reported when it holds."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from bottle.serving import ServerAdapter
from bottle_conformance.deviations import Deviation, as_deviations, known_deviations

Make = Callable[..., type[ServerAdapter]]

ADAPTER = """\
from bottle.serving.builtin import WSGIRefServer

class Acme(WSGIRefServer):
    name = 'acme'
"""


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Return a function that returns an adapter whose deviations are beside its module."""

    def make(deviations: str | None = None) -> type[ServerAdapter]:
        (tmp_path / 'acme_adapter.py').write_text(ADAPTER)
        if deviations is not None:
            (tmp_path / 'deviations.toml').write_text(deviations)
        found: type[ServerAdapter] = import_module('acme_adapter').Acme
        return found

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    sys.modules.pop('acme_adapter', None)


def test_an_adapter_without_a_file_has_none(adapter: Make) -> None:
    assert known_deviations(adapter()) == {}


def test_they_are_those_of_the_server_alone(adapter: Make) -> None:
    text = '[acme.test_a]\nreason = "Why."\nreference = "acme/server.py"\n[other.test_b]\nreason = "No."\n'
    found = known_deviations(adapter(text))
    assert found == {'test_a': Deviation('Why.', 'acme/server.py')}
    assert str(found['test_a']) == 'Why. (acme/server.py)'


@pytest.mark.parametrize(
    'text',
    [
        '[acme.test_a\n',
        '[acme.test_a]\nreasons = "Why."\n',
        '[acme.test_a]\nreference = "acme/server.py"\n',
        '[acme]\ntest_a = "Why."\n',
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_named(adapter: Make, tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=str(tmp_path / 'deviations.toml')):
        known_deviations(adapter(text))


def test_an_author_may_write_mere_reasons() -> None:
    given: dict[str, str | Deviation] = {'test_a': 'Why.', 'test_b': Deviation('Because.')}
    assert as_deviations(given) == {'test_a': Deviation('Why.'), 'test_b': Deviation('Because.')}
