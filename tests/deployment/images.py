"""Containers without an engine: the steps of a Dockerfile, and what they make, in a clean root of their own.

BuildKit's own parser reads the Dockerfile. A root holds the system's programs, read-only, and this Python in an
environment of its own, in the place of the base image; everything else is what the steps put there. What runs in it has
its own processes, mounts and network, as an engine would have it; that takes root.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns
from signal import Signals
from typing import NamedTuple

from tests.support.client import TIMEOUT
from tests.support.processes import RUN_LIMIT, STOP_LIMIT, attempt, kill_group, run
from tests.support.requirements import require_module, require_program, unavailable

ENVIRONMENT = '/opt/python'  # where the base image has its Python
PATH = f'{ENVIRONMENT}/bin:/usr/sbin:/usr/bin:/sbin:/bin'
SYSTEM = ('usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32')
SETTINGS = ('ld.so.cache', 'nsswitch.conf', 'resolv.conf', 'hosts', 'login.defs')
USERS = {
    'passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'group': 'root:x:0:\n',
    'shadow': 'root:*:::::::\n',
    'gshadow': '',
}
CONFINED = ('--no-new-privs', '--bounding-set=-all', '--inh-caps=-all')
NGINX = """\
user root;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    include /etc/nginx/conf.d/default.conf;
}
"""
LOOK = 0.02  # seconds between two looks at a container that says nothing of itself
WORD = re.compile(r'\\(.)|"((?:[^"\\]|\\.)*)"|([^\\"])', re.S)


class Mount(NamedTuple):
    """What a container sees of the machine.

    Parameters:
        source: a file or a folder of the machine.
        target: its path in the container.
        writable: whether it may be changed there.
    """

    source: Path
    target: str
    writable: bool = False


def require_namespaces() -> None:
    """End the test with the reason if no container can be made here."""
    require_program('ip')
    if os.geteuid():
        unavailable('a clean root with a network of its own takes root')
    done = attempt(['unshare', '--mount', '--net', '--pid', '--fork', 'true'], Path('/'))
    if done.returncode:
        unavailable(f'no namespaces can be made here: {done.stderr.strip()}')


@dataclass
class Network:
    """A bridge between containers.

    Parameters:
        process: a process that has the bridge in its own network, and keeps it.
        address: that of the clients.
        prefix: how many bits of an address name the network.
    """

    process: 'subprocess.Popen[str]'
    address: str
    prefix: int

    def join(self, address: str) -> list[str]:
        """Return the commands that give a container its address, to be run in the container's network."""
        port, keeper = f'p{address.rpartition(".")[2]}', self.process.pid
        inside = f'ip link set {port} master bridge up'
        return [
            f'ip link add eth0 type veth peer name {port} netns {keeper}',
            f'nsenter --target {keeper} --net {inside}',
            f'ip address add {address}/{self.prefix} dev eth0',
            'ip link set eth0 up',
        ]

    def fetch(self, url: str, *options: str) -> str:
        """Return what a client on the bridge gets; a status of 400 or more is a failure."""
        return fetch_inside(self.process.pid, url, *options)

    def await_answer(self, url: str) -> None:
        """Wait until somebody listens."""
        self.fetch(
            url, '--retry', '100', '--retry-connrefused', '--retry-delay', '0', '--retry-max-time', f'{TIMEOUT:g}'
        )


@dataclass
class Container:
    """A running container.

    Parameters:
        process: what has made its namespaces, and ends with it.
        image: what it was made of.
        log: what it has printed.
    """

    process: 'subprocess.Popen[str]'
    image: 'Image'
    log: Path

    @cached_property
    def pid(self) -> int:
        """The process that it was started for, once it is in its root: number 1 within, another number outside."""
        children = Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children')
        deadline = time.monotonic() + TIMEOUT
        while not (found := children.read_text().split()) or not self.is_inside(found[0]):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, 'unshare has started nothing'
            time.sleep(LOOK)
        return int(found[0])

    def is_inside(self, pid: str) -> bool:
        """Tell whether a process has the root of the image."""
        try:
            return Path(f'/proc/{pid}/root').readlink() == self.image.root
        except FileNotFoundError:  # it has ended
            return False

    def fetch(self, path: str, *options: str) -> str:
        """Return what a client in the same network gets; a status of 400 or more is a failure."""
        return fetch_inside(self.pid, f'http://127.0.0.1:{self.image.port}{path}', *options)

    def execute(self, *command: str) -> 'subprocess.CompletedProcess[str]':
        """Run a command in the container, as its own user and with its environment."""
        user = self.image.user.split(':')
        enter = ['nsenter', '--target', str(self.pid), '--all', '--root', '--setuid', user[0], '--setgid', user[-1]]
        return attempt([*enter, *self.image.inside(command)], Path('/'))

    def await_health(self) -> None:
        """Ask as the engine does until the container is healthy."""
        deadline = time.monotonic() + TIMEOUT
        while (done := self.execute(*self.image.health)).returncode:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f'{done.stderr}\n{self.log.read_text()}'
            time.sleep(LOOK)

    def status(self) -> dict[str, str]:
        """Return what the system says of its first process."""
        lines = Path(f'/proc/{self.pid}/status').read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(':') for line in lines)}

    def stop(self) -> int:
        """Send the signal that the image wants, and return the exit code."""
        os.kill(self.pid, Signals[self.image.stop_signal])
        return self.process.wait(STOP_LIMIT)


@dataclass
class Image:
    """A root, and what the steps have said about running something in it.

    Parameters:
        root: its folder.
        context: what it is built from.
        building: the environment of the steps besides their own.
        mounted: folders of this machine that it sees, read-only.
    """

    root: Path
    context: Path
    building: Mapping[str, str]
    mounted: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = '/'
    user: str = '0:0'
    port: int = 0
    stop_signal: str = 'SIGTERM'
    health: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def from_(self, value: tuple[str, ...]) -> None:
        """Begin with Python; it has to be this one."""
        [self.base] = value
        assert self.base == f'python:{sys.version_info[0]}.{sys.version_info[1]}-slim'
        self.environment['PATH'] = PATH

    def env(self, value: tuple[str, ...]) -> None:
        """Set variables."""
        self.environment |= {name: unquote(text) for name, text in zip(value[::2], value[1::2], strict=True)}

    def workdir(self, value: tuple[str, ...]) -> None:
        """Change the folder, which is made."""
        [self.folder] = value
        (self.root / self.folder[1:]).mkdir(parents=True, exist_ok=True)

    def copy(self, value: tuple[str, ...]) -> None:
        """Copy a file, or all that is not ignored."""
        source, target = (unquote(each) for each in value)
        there = self.root / self.folder[1:] / target
        there.parent.mkdir(parents=True, exist_ok=True)
        if (self.context / source).is_file():
            copy2(self.context / source, there)
        else:
            copytree(self.context / source, there, ignore=self.ignored, dirs_exist_ok=True)
            there.chmod(0o755)  # what is in the folder is copied, the folder is not

    def ignored(self, folder: str, names: list[str]) -> set[str]:
        """Return which names in a folder `.dockerignore` excludes; patterns beginning with **/ count everywhere."""
        lines = (self.context / '.dockerignore').read_text().splitlines()
        patterns = [line for line in lines if line and not line.startswith('#')]
        everywhere = [each.removeprefix('**/') for each in patterns if each.startswith('**/')]
        here = [each for each in patterns if not each.startswith('**/')] if Path(folder) == self.context else []
        return set(ignore_patterns(*everywhere, *here)(folder, names))

    def run(self, value: tuple[str, ...]) -> None:
        """Run a line of shell as root."""
        [line] = value
        with self.started(['/bin/sh', '-c', line], extra=self.building, user='0:0', isolated=False) as container:
            code = container.process.wait(RUN_LIMIT)
            assert code == 0, f'{line} has ended with {code}:\n{container.log.read_text()}'

    def set_user(self, value: tuple[str, ...]) -> None:
        """Change the user."""
        [self.user] = value

    def expose(self, value: tuple[str, ...]) -> None:
        """Say which port answers."""
        self.port = int(value[0])

    def stopsignal(self, value: tuple[str, ...]) -> None:
        """Say which signal stops."""
        [self.stop_signal] = value

    def healthcheck(self, value: tuple[str, ...]) -> None:
        """Say which command tells whether it is well."""
        assert value[0] == 'CMD'
        self.health = value[1:]

    def cmd(self, value: tuple[str, ...]) -> None:
        """Say what is run."""
        self.command = value

    @contextmanager
    def started(
        self,
        command: Sequence[str],
        *,
        extra: Mapping[str, str] | None = None,
        user: str = '',
        isolated: bool = True,
        read_only: bool = False,
        temporary: Sequence[str] = (),
        mounts: Sequence[Mount] = (),
        confined: bool = False,
        network: Sequence[str] = (),
    ) -> Iterator[Container]:
        """Run a command in the root, as process 1 of its own; `isolated` means with a network of its own, too."""
        outside = ['ip link set lo up', *network] if isolated else []  # while processes have their numbers outside
        inside = self.mounting(read_only, temporary, mounts)
        uid, _, gid = (user or self.user).partition(':')
        privileges = ['setpriv', f'--reuid={uid}', f'--regid={gid}', '--clear-groups', *(CONFINED if confined else ())]
        chroot = shlex.join(['chroot', str(self.root), *privileges, *self.inside(command, extra or {})])
        entered = [
            'unshare',
            '--mount',
            '--pid',
            '--ipc',
            '--fork',
            '--kill-child',
            *shell([*inside, f'exec {chroot}']),
        ]
        begin = ['unshare', '--net'] if isolated else []
        with ExitStack() as stack:
            log = self.root.parent / f'{self.root.name}.{time.monotonic_ns()}.log'
            process = subprocess.Popen(
                [*begin, *shell([*outside, f'exec {shlex.join(entered)}'])],
                stdin=subprocess.DEVNULL,
                stdout=stack.enter_context(log.open('w')),
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
            )
            stack.callback(kill_group, process)
            yield Container(process, self, log)

    def inside(self, command: Sequence[str], extra: Mapping[str, str] | None = None) -> list[str]:
        """Return a command that has the image's environment and folder, and nothing of ours."""
        variables = [f'{name}={value}' for name, value in {**self.environment, **(extra or {})}.items()]
        return ['env', '--ignore-environment', f'--chdir={self.folder}', *variables, *command]

    def mounting(self, read_only: bool, temporary: Sequence[str], mounts: Sequence[Mount]) -> list[str]:
        """Return the commands that make the root what a container sees."""
        root = shlex.quote(str(self.root))
        steps = [f'mount --rbind {root} {root}']
        seen = [Mount(each, str(each)) for each in self.mounted]
        for source, target, writable in [*seen, *mounts]:
            here, there = shlex.quote(str(source)), shlex.quote(f'{self.root}{target}')
            steps.append(f'mount --bind {here} {there}')
            steps += [] if writable else [f'mount -o remount,ro,bind {there}']
        steps += [f'mount --rbind /dev {root}/dev', f'mount -t proc proc {root}/proc']
        steps += [f'mount -t tmpfs -o mode=1777 tmpfs {root}{each}' for each in temporary]
        return [*steps, *([f'mount -o remount,ro,bind {root}'] if read_only else [])]


STEPS: dict[str, Callable[[Image, tuple[str, ...]], None]] = {
    'FROM': Image.from_,
    'ENV': Image.env,
    'WORKDIR': Image.workdir,
    'COPY': Image.copy,
    'RUN': Image.run,
    'USER': Image.set_user,
    'EXPOSE': Image.expose,
    'STOPSIGNAL': Image.stopsignal,
    'HEALTHCHECK': Image.healthcheck,
    'CMD': Image.cmd,
}


def build(context: Path, root: Path, wheels: Path) -> Image:
    """Run the steps of the Dockerfile in a folder; a step that is not known is an error, and so is the shell form."""
    parser = require_module('dockerfile')
    lay_out(root)
    run([sys.executable, '-m', 'virtualenv', '--quiet', '--no-download', f'{root}{ENVIRONMENT}'], cwd=root)
    building = pip_settings(f'{root}{ENVIRONMENT}/bin/python', wheels)
    image = Image(root, context, building, mount_points(root, local_folders(building)))
    for step in parser.parse_file(str(context / 'Dockerfile')):
        assert step.json or step.cmd not in {'CMD', 'HEALTHCHECK'}, f'{step.original}: a shell would get the signals'
        STEPS[step.cmd](image, step.value)
    return image


def nginx_image(root: Path) -> Image:
    """Return what stands for the image of nginx: it reads what is mounted as default.conf, as the official one does."""
    require_program('nginx')
    lay_out(root)
    for folder in ('etc/nginx/conf.d', 'etc/nginx/tls', 'var/log/nginx', 'var/lib/nginx', 'srv/static'):
        (root / folder).mkdir(parents=True)
    (root / 'etc/nginx/conf.d/default.conf').touch()
    (root / 'etc/nginx/nginx.conf').write_text(NGINX)
    image = Image(root, root, {}, mount_points(root, []), {'PATH': PATH}, port=80, stop_signal='SIGQUIT')
    image.command = ('nginx', '-g', 'daemon off;')
    return image


def lay_out(root: Path) -> None:
    """Make a root with the few files and folders that every system has."""
    for each in ('proc', 'dev', 'tmp', 'etc', 'var/log', 'root'):
        (root / each).mkdir(parents=True)
    (root / 'tmp').chmod(0o1777)
    root.chmod(0o755)
    for name, text in USERS.items():
        (root / 'etc' / name).write_text(text)
    for path in (Path('/etc') / name for name in SETTINGS):
        if path.exists():
            copy2(path, root / 'etc')


def mount_points(root: Path, local: Sequence[Path]) -> list[Path]:
    """Return which folders of this machine are to be mounted in a root, after making room for them."""
    system = [Path('/') / name for name in SYSTEM if (Path('/') / name).exists()]
    for link in (each for each in system if each.is_symlink()):
        (root / link.name).symlink_to(link.readlink())
    folders = [each for each in system if not each.is_symlink()]
    folders += [Path('/etc/ssl'), Path('/etc/alternatives'), Path(sys.base_prefix), *local]
    wanted = [each for each in dict.fromkeys(folders) if each.exists() and not is_below(each, folders)]
    for each in wanted:
        place = Path(f'{root}{each}')
        if each.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return wanted


def is_below(path: Path, folders: list[Path]) -> bool:
    """Tell whether a path is in another one of these folders."""
    return any(path != each and path.is_relative_to(each) for each in folders)


def pip_settings(python: str, wheels: Path) -> dict[str, str]:
    """Return, as variables of the environment, what pip is told on this machine, and where our own wheels are."""
    listed = run([python, '-m', 'pip', 'config', 'list'], Path('/')).splitlines()
    found = {}
    for line in sorted(listed, key=lambda line: line.startswith(':env:')):  # the environment is asked last, and wins
        name, _, value = line.partition('=')
        found[f'PIP_{name.rpartition(".")[2].replace("-", "_").upper()}'] = str(ast.literal_eval(value))
    found['PIP_FIND_LINKS'] = f'{found.get("PIP_FIND_LINKS", "")} {wheels}'.strip()
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith('_proxy')}
    return {**found, **proxies}


def local_folders(settings: Mapping[str, str]) -> list[Path]:
    """Return the files and folders of this machine in pip's settings; an index has its distributions beside it."""
    words = [each for value in settings.values() for each in value.split()]
    indexes = [Path(each.removeprefix('file://')).parent for each in words if each.startswith('file://')]
    return [*indexes, *(Path(each) for each in words if each.startswith('/'))]


def shell(steps: Sequence[str]) -> list[str]:
    """Return the command that runs these lines, and ends with the first one that fails."""
    return ['sh', '-euc', '\n'.join(steps)]


def unquote(text: str) -> str:
    """Return a word of a Dockerfile as BuildKit reads it: quotes and backslashes gone; a variable is an error."""
    found = ''
    for escaped, quoted, plain in WORD.findall(text):
        assert plain not in {'$', "'"}, f'{text} holds a variable or single quotes'
        assert not re.search(r'(?<!\\)(\\\\)*\$', quoted), f'{text} holds a variable'
        found += escaped + re.sub(r'\\(["$\\])', r'\1', quoted) + plain
    return found


def fetch_inside(pid: int, url: str, *options: str) -> str:
    """Return what curl gets in the network of a process."""
    enter = ['nsenter', '--target', str(pid), '--net']
    curl = ['curl', '--silent', '--show-error', '--fail', '--noproxy', '*', '--max-time', f'{TIMEOUT:g}']
    return run([*enter, *curl, *options, url], Path('/'))


@contextmanager
def bridge(address: str, prefix: int) -> Iterator[Network]:
    """Make a network with an address of its own, for clients."""
    steps = ['ip link set lo up', 'ip link add bridge type bridge', 'ip link set bridge up']
    steps += [f'ip address add {address}/{prefix} dev bridge', 'echo up', 'exec sleep 600']
    with subprocess.Popen(
        ['unshare', '--net', *shell(steps)], stdout=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == 'up\n'
            yield Network(process, address, prefix)
        finally:
            kill_group(process)
