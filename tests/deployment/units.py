"""Units as systemd itself reads them."""

import ast
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.requirements import require_program

SYSTEMD = '/lib/systemd/systemd'
NOBODY = '65534'
LIMIT = 60.0  # seconds


@dataclass(frozen=True)
class Reading:
    """What systemd has read.

    Parameters:
        lines: what it says of a unit: pairs of a setting and one of its values.
    """

    lines: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Return the values of a setting."""
        return [value for setting, value in self.lines if setting == name]

    def one(self, name: str) -> str:
        """Return the value of a setting that has one."""
        [value] = self.all(name)
        return value

    @property
    def address(self) -> str:
        """Where a socket listens, which is told with the escapes of C."""
        return os.fsdecode(ast.literal_eval(f'b"{self.one("ListenStream")}"'))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the environment."""
        return dict(each.split('=', 1) for each in self.all('Environment'))

    @property
    def command(self) -> list[str]:
        """What the service runs; variables are put in when it is started, and a doubled dollar sign is one."""
        program, *arguments = shlex.split(self.all('Command Line')[0])  # those for reloading come later
        return [program, *(each.replace('$$', '$') for each in arguments)]


def reading(folder: Path, unit: str) -> Reading:
    """Return how systemd reads a unit in a folder that anybody may read. It starts nothing, and tells what it would."""
    program = str(require_program(SYSTEMD))
    # It does this for everybody but root.
    as_nobody = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups'] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*as_nobody, program, '--test', '--system', f'--unit={unit}'],
        cwd='/',
        env={'SYSTEMD_UNIT_PATH': f'{folder}:', 'SYSTEMD_LOG_TARGET': 'console', 'PATH': os.defpath, 'HOME': '/'},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [section] = [each for each in done.stdout.split('-> Unit ') if each.startswith(f'{unit}:\n')]
    pairs = (line.strip('\t').partition(': ') for line in section.splitlines())
    return Reading([(name, value) for name, _, value in pairs])
