"""The command `python -m bottle deploy`, and the names of all commands."""

from __future__ import annotations

import argparse
import shlex
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bottle.serving import hookimpl
from bottle_deploy.capacity import CAPACITY, capacity
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import given_names, make_plan, plan_options, spelling
from bottle_deploy.targets import KINDS, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bottle.serving.commands import CommandRegistry
    from bottle_deploy.target import Target

DEPLOY = 'write the files that put an application on a web server, behind a balancer or on a platform'


@hookimpl
def bottle_register_command(registry: CommandRegistry) -> None:
    """Add the commands."""
    registry.add('deploy', deploy, DEPLOY)
    registry.add('capacity', capacity, CAPACITY)


def deploy(arguments: Sequence[str]) -> int:
    """Print, write or check the files of a target and return the exit code.

    Parameters:
        arguments: what follows the name of the command.

    Raises:
        DeployError: an option cannot be used, the files cannot be written, or the target's checker refuses them.
    """
    options = _parser().parse_args(arguments)
    target = TARGETS[options.target]
    names = [name for name in plan_options() if getattr(options, name) not in (None, [])]
    given = {name: getattr(options, name) for name in names}
    target.refuse_unused(given_names(given))
    files = target.make(make_plan(given))
    if options.out:
        _write(files, options.out)
        _say_what_is_next(target, files, options.out)
    elif not options.check:
        _print({name: text for name, text in files.items() if name not in target.trial})
    if options.check:
        _check(target, files, options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m bottle deploy',
        description=f'{DEPLOY[0].upper()}{DEPLOY[1:]}.',
        epilog='\n'.join(_list_of_targets()),
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=34, width=110),
        allow_abbrev=False,
    )
    parser.add_argument('target', metavar='TARGET', choices=[*TARGETS], help='what the files are for; see below')
    for option in plan_options().values():
        what = f'{option.help}; may be repeated' if option.repeated else option.help
        if option.name == 'app':
            parser.add_argument('app', metavar=option.metavar, help=what)
        else:
            action = 'append' if option.repeated else 'store'
            parser.add_argument(
                spelling(option.name), dest=option.name, metavar=option.metavar, action=action, help=what
            )
    parser.add_argument(
        '--out', metavar='DIR', type=Path, help='write the files into a folder instead of printing them'
    )
    parser.add_argument('--check', action='store_true', help="have them validated by the target's own checker")
    return parser


def _list_of_targets() -> list[str]:
    lines = []
    for kind, title in KINDS.items():
        lines += ['', f'{title}:']
        lines += [f'  {each.name:<12}{each.help}' for each in TARGETS.values() if each.kind == kind]
    return lines[1:]


def _print(files: Mapping[str, str]) -> None:
    """Print files; several of them each below its name."""
    for name, text in files.items():
        if len(files) > 1:
            print(f'# ==> {name} <==')
        print(text, end='' if text.endswith('\n') else '\n')


def _write(files: Mapping[str, str], folder: Path) -> None:
    """Write files into a folder that holds none of them, so that nothing is lost."""
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise DeployError(f'{folder / there[0]} exists already: choose another folder with --out, or remove it')
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding='utf-8')
            if text.startswith('#!'):
                (folder / name).chmod(0o755)
    except OSError as error:
        raise DeployError(f'the files cannot be written: {error}') from error


def _say_what_is_next(target: Target, files: Mapping[str, str], folder: Path) -> None:
    for name in files:
        print(f'wrote {folder / name}')
    if target.start is not None:
        with suppress(DeployError):  # what is not installed here cannot be tried here
            print(f'try it: {shlex.join(target.start(folder.absolute()))}')


def _check(target: Target, files: Mapping[str, str], folder: Path | None) -> None:
    """Check the files where they were written, or in a folder for this once."""
    with TemporaryDirectory(prefix='bottle-deploy-') as temporary:
        if folder is None:
            _write(files, Path(temporary))
        said = target.check((folder or Path(temporary)).absolute())
    print(said or f'{target.name} has found no fault')
