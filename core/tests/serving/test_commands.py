"""Commands that plugins add."""

import pytest

from bottle.serving.commands import Command, CommandRegistry, load_command
from bottle.serving.registry import Registry


def test_commands_are_added_and_found() -> None:
    commands = CommandRegistry()
    commands.add('greet', print, 'say hello')
    assert commands.get('greet') == Command('greet', print, 'say hello')
    assert commands.get('part') is None


@pytest.mark.parametrize('name', ['', 'no-such-command', 'bottle'])
def test_a_command_that_nobody_offers(name: str) -> None:
    assert load_command(Registry(), name) is None
