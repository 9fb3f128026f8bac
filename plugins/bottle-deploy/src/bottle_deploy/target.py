"""What the command can write for: a target, its files, and how they are filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bottle.templating import SimpleTemplate
from bottle_deploy.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bottle_deploy.plan import Plan

COMMON = frozenset({'server', 'name', 'directory', 'python'})
INSTANCES = frozenset({'instances', 'port', 'sockets', 'backend', 'workers', 'threads'})
FRONT = frozenset(
    {'user', 'listen', 'host', 'static', 'certfile', 'keyfile', 'health', 'timeout', 'max_body', 'graceful_timeout'}
)
PROXY = COMMON | INSTANCES | FRONT  # what every balancer understands


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the command can write for.

    Parameters:
        name: what is typed.
        kind: under which heading the help lists it: `balancer`, `host` or `platform`.
        help: what it is, in one line.
        uses: the options that have an effect on it; any other that is given is refused.
        files: returns the contents of its files by their names, the most important one first.
        trial: the names of those files that are needed for trying and checking alone; they are not printed.
        check: validates a folder with these files by the target's own checker and returns what that has said.
        start: returns the command that serves in the foreground what is in a folder; None where nothing is started.
    """

    name: str
    kind: str
    help: str
    uses: frozenset[str]
    files: Callable[[Plan], Mapping[str, str]]
    check: Callable[[Path], str]
    start: Callable[[Path], Sequence[str]] | None = None
    trial: frozenset[str] = field(default=frozenset())

    def make(self, plan: Plan) -> Mapping[str, str]:
        """Return the contents of the files by their names.

        Parameters:
            plan: what is to be deployed.

        Raises:
            DeployError: two of them would have one name, or a value cannot be said in the language of a file.
        """
        if f'{plan.name}.conf' in self.trial:
            raise DeployError(
                f'{plan.name}.conf is the file for trying {self.name}: give another --name than {plan.name}'
            )
        return self.files(plan)

    def refuse_unused(self, given: Sequence[str]) -> None:
        """Refuse options that have no effect on this target.

        Parameters:
            given: the names of the options that were typed.

        Raises:
            DeployError: there is one; it names the targets that use it.
        """
        from bottle_deploy.plan import spelling
        from bottle_deploy.targets import TARGETS

        for name in given:
            if name not in self.uses:
                others = ', '.join(each.name for each in TARGETS.values() if name in each.uses)
                raise DeployError(f'{self.name} has no use for {spelling(name)}; it is for: {others}')


def duration(seconds: float) -> str:
    """Return a length of time as configuration files have it, which know no fractions.

    Parameters:
        seconds: the length of time.

    Returns:
        Such as `60s` or `1500ms`.
    """
    return f'{seconds:.0f}s' if seconds == int(seconds) else f'{seconds * 1000:.0f}ms'


@cache
def _source(template: str) -> str:
    return (files('bottle_deploy') / 'templates' / template).read_text(encoding='utf-8')


def fill(template: str, quote: Callable[[str], str], **variables: Any) -> str:
    """Return a file, made from a template (docs: the template language of Bottle).

    Parameters:
        template: the name of the template in `templates/`.
        quote: what every `{{value}}` goes through: returns it so that the language of the file reads that value and
            nothing else; raises `DeployError` where the language cannot say it. `{{!value}}` is put in as it is.
        variables: what the template uses.
    """
    return SimpleTemplate(source=_source(template), name=template, escape_func=quote).render(**variables)
