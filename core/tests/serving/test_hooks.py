"""The hooks are specified in full, and the documentation knows every one of them and every argument."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pluggy
import pytest

from bottle.serving import hookspecs

PAGE = Path(__file__).parents[3] / 'docs' / 'hooks.md'
HOOKS: dict[str, Callable[..., Any]] = {
    name: value for name, value in vars(hookspecs).items() if hasattr(value, f'{hookspecs.PROJECT}_spec')
}


def sections() -> dict[str, str]:
    """Return the text below each heading that is the name of a hook."""
    parts = re.split(r'^## (bottle_\w+)\n', PAGE.read_text(encoding='utf-8'), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def arguments(name: str) -> list[str]:
    """Return the names of a hook's arguments."""
    return list(inspect.signature(HOOKS[name]).parameters)


def test_there_are_hooks() -> None:
    assert len(HOOKS) >= 6


def test_every_hook_has_the_prefix() -> None:
    assert [name for name in HOOKS if not name.startswith('bottle_')] == []


def test_pluggy_finds_the_same() -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    assert {name for name in vars(manager.hook) if not name.startswith('_')} == HOOKS.keys()


@pytest.mark.parametrize('name', HOOKS)
def test_docstring(name: str) -> None:
    docstring = inspect.getdoc(HOOKS[name]) or ''
    assert re.search(r'^Called ', docstring, re.MULTILINE)
    assert re.search(r'^\.\. versionadded:: \d+\.\d+$', docstring, re.MULTILINE)
    described = re.findall(r'^    (\w+): ', docstring.partition('Parameters:\n')[2].partition('\n\n')[0], re.MULTILINE)
    assert described == arguments(name)


@pytest.mark.parametrize('name', HOOKS)
def test_annotations(name: str) -> None:
    assert {'return', *arguments(name)} == HOOKS[name].__annotations__.keys()


def test_the_page_has_a_heading_for_each_hook() -> None:
    assert sections().keys() == HOOKS.keys()


@pytest.mark.parametrize('name', HOOKS)
def test_the_page_shows_the_arguments(name: str) -> None:
    text = sections()[name]
    assert text.strip().startswith(f'`{name}({", ".join(arguments(name))})`')
    assert re.findall(r'^- `(\w+)`:', text, re.MULTILINE) == arguments(name)
    assert 'Called ' in text


def test_the_page_names_the_groups() -> None:
    page = PAGE.read_text(encoding='utf-8')
    assert [
        group for group in (hookspecs.SERVERS, hookspecs.EXTENSIONS, hookspecs.COMMANDS) if f'| `{group}` |' not in page
    ] == []
