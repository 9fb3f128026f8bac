"""Commands that plugins add to `python -m bottle NAME`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bottle.serving.plugins import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bottle.serving.registry import Registry


class Command(NamedTuple):
    """A command of `python -m bottle`.

    Parameters:
        name: what is typed.
        function: called with the arguments after the name; returns the exit code, None for 0.
        help: what it does, in one line.
    """

    name: str
    function: Callable[[Sequence[str]], int | None]
    help: str


class CommandRegistry:
    """What the hook `bottle_register_command` adds its commands to."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def add(
        self, name: str, function: Callable[[Sequence[str]], int | None], help: str = ''
    ) -> None:  # the field's own term
        """Add a command.

        Parameters:
            name: what is typed; the name of the entry point.
            function: called with the arguments after the name; returns the exit code, None for 0.
            help: what it does, in one line.
        """
        self._commands[name] = Command(name, function, help)

    def get(self, name: str) -> Command | None:
        """Return the command of a name, or None.

        Parameters:
            name: what was typed.
        """
        return self._commands.get(name)


def load_command(registry: Registry, name: str) -> Command | None:
    """Return the command that a name stands for, or None when no distribution offers it.

    Parameters:
        registry: where plugins are found.
        name: what was typed.

    Raises:
        ServerConflict: two distributions offer it.
        ServerLoadError: its plugin is broken, or does not add the command that its entry point promises.
    """
    sources = registry.command_sources().get(name)
    if not sources:
        return None
    commands = CommandRegistry()
    registry.plugins.call(registry.load_command(sources), 'bottle_register_command', registry=commands)
    command = commands.get(name)
    if command is None:
        raise broken(sources[0], f'it adds no command {name!r}')
    return command
