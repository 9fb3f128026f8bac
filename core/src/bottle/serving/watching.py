"""Watching source files, in a process of its own: with `watchfiles` where it is installed, else by polling.

A process of its own leaves the supervisor without threads, and works whatever the program has monkey-patched.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from fnmatch import translate
from itertools import accumulate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from bottle.serving.processes import start_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bottle.serving.options import ServerOptions

MAX_FILES = 10_000  # a tree with more is somebody's home, not a program
SETTLING = 0.05  # seconds that files must stay as they are, because an editor may still be writing
MAX_LOOKS = 5  # at files that do not settle; whatever changes all the time shall not keep others waiting
LOOK_AT_INPUT = 300  # milliseconds between looks at the input, while watchfiles waits
START = 'import json, sys; sys.path[:] = json.loads(sys.argv[1]); from bottle.serving.watching import main; main()'


class Watch:
    """A process that watches files, as the supervisor sees it; a context manager that ends it.

    Parameters:
        roots: the folders whose files are watched.
        include: patterns of file names.
        exclude: patterns of the names of files and folders that are left out.
        interval: how often files are looked at where watchfiles is not installed, in seconds.
    """

    def __init__(self, roots: Sequence[str], include: Sequence[str], exclude: Sequence[str], interval: float) -> None:
        self._start = {'roots': roots, 'include': include, 'exclude': exclude, 'interval': interval}
        self._process: subprocess.Popen[bytes] | None = None
        self._further: set[str] = set()

    @classmethod
    def of_program(cls, options: ServerOptions) -> Self:
        """Return a watch over the current folder and the program's own.

        Parameters:
            options: what is watched, and how often.
        """
        roots = {str(Path(each).resolve()) for each in ('.', sys.path[0]) if Path(each).is_dir()}
        apart = sorted(each for each in roots if not any(each.startswith(f'{other}{os.sep}') for other in roots))
        return cls(apart, options.reload_include, options.reload_exclude, options.reload_interval)

    @property
    def changes(self) -> IO[bytes]:
        """What becomes readable when files have changed, for a selector."""
        return self._pipes[1]

    def add(self, files: Sequence[str]) -> None:
        """Watch further files.

        Parameters:
            files: their absolute paths.
        """
        if new := sorted(set(files) - self._further):
            self._further.update(new)
            self._send(new)

    def changed(self) -> list[str]:
        """Return the paths that have changed, when `changes` is readable; none when the process has ended."""
        line = self.changes.readline()
        return [_shown(each) for each in json.loads(line)] if line.endswith(b'\n') else []

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError('the watch has not been entered')
        return self._process.stdin, self._process.stdout

    def _send(self, message: Any) -> None:
        with (
            contextlib.suppress(BrokenPipeError),  # it has said why it ended
            open(self._pipes[0].fileno(), 'wb', closefd=False) as pipe,  # a signal may cut an unbuffered write short
        ):
            pipe.write(json.dumps(message).encode() + b'\n')

    def __enter__(self) -> Self:
        """Start to watch."""
        pipe = subprocess.PIPE
        self._process = start_python(['-c', START, json.dumps(sys.path)], stdin=pipe, stdout=pipe, bufsize=0)
        self._send(self._start)
        self.changed()  # it says once that it has begun: what is imported from now on is watched
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process, if it has not ended."""
        for each in self._pipes:
            each.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _shown(path: str) -> str:
    """Return a path as a person would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


@dataclass
class Files:
    """The files that are watched.

    Parameters:
        roots: the folders whose files are watched.
        include: patterns of file names.
        exclude: patterns of the names of files and folders that are left out.
        interval: how often files are looked at, in seconds.
    """

    roots: list[str]
    include: list[str]
    exclude: list[str]
    interval: float

    def __post_init__(self) -> None:
        """Begin with no further files."""
        self.further: set[str] = set()
        self.unsettled: set[str] = set()
        self._included = _any_of(self.include)
        self._excluded = _any_of(self.exclude)
        self.roots = [each for each in self.roots if not self._is_too_large(each)]
        self.seen = self.look()

    def add(self, files: Sequence[str]) -> None:
        """Watch further files.

        Parameters:
            files: their absolute paths.
        """
        new = {each for each in files if not self._is_excluded(each)} - self.further
        self.further |= new
        self.seen = {**_times(map(Path, new)), **self.seen}

    def look(self) -> dict[str, int]:
        """Return the time of change of each file, in nanoseconds."""
        below = (each for root in self.roots for each in self._below(root))
        return {**_times(map(Path, self.further)), **_times(below)}

    def is_restless(self) -> bool:
        """Return whether a change is due that nobody tells of: of a further file, or of one that had to settle."""
        times = _times(map(Path, self.further))
        return bool(self.unsettled) or any(times.get(each) != self.seen.get(each) for each in self.further)

    def news(self) -> list[str]:
        """Return the files that have been changed, made or removed since the last call, and have settled since."""
        now = self.look()
        self.unsettled = set()
        for _ in range(MAX_LOOKS):
            if now == self.seen:
                break
            time.sleep(SETTLING)
            before, now = now, self.look()
            self.unsettled = _differing(before, now)
            if not self.unsettled:
                break
        changed = _differing(self.seen, now) - self.unsettled
        kept = {path: self.seen[path] for path in self.unsettled & self.seen.keys()}
        self.seen = {**{path: when for path, when in now.items() if path not in self.unsettled}, **kept}
        return sorted(changed)

    def matches(self, path: str) -> bool:
        """Return whether a file is watched.

        Parameters:
            path: its absolute path.
        """
        if path in self.further:
            return True
        return not self._is_excluded(path) and bool(self._included(Path(path).name))

    def _is_too_large(self, root: str) -> bool:
        """Return whether a folder has too many files, and say so."""
        too_large = any(count >= MAX_FILES for count in accumulate(map(len, self._folders(root))))
        if too_large:
            print(f'bottle: {root} has too many files to be watched: only imported modules are', file=sys.stderr)
        return too_large

    def _below(self, root: str) -> Iterator[os.DirEntry[str]]:
        return (each for files in self._folders(root) for each in files if self._included(each.name))

    def _folders(self, root: str) -> Iterator[list[os.DirEntry[str]]]:
        """Yield the files of each folder below a root, also behind links, once."""
        pending, seen = [root], set()
        while pending:
            folder = pending.pop()
            with contextlib.suppress(OSError):
                status = Path(folder).stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as found:
                    entries = [each for each in found if not self._excluded(each.name)]
                pending += [each.path for each in entries if each.is_dir()]
                yield [each for each in entries if not each.is_dir()]

    def _is_excluded(self, path: str) -> bool:
        root = next((each for each in self.roots if path.startswith(each + os.sep)), '')
        names = Path(path[len(root) + 1 :]).parts if root else [Path(path).name]
        return any(map(self._excluded, names))


def _any_of(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    """Return what matches a name against patterns: as one expression, for this is done with each file of a tree."""
    return re.compile('|'.join(map(translate, patterns)) or '(?!)').match


def _differing(one: dict[str, int], other: dict[str, int]) -> set[str]:
    return {path for path, _ in one.items() ^ other.items()}


def _times(files: Iterable[Path | os.DirEntry[str]]) -> dict[str, int]:
    found = {}
    for each in files:
        with contextlib.suppress(OSError):
            found[os.fspath(each)] = each.stat().st_mtime_ns
    return found


def main() -> None:
    """Watch what standard input says, and report changes on standard output, until standard input ends."""
    reader = Input(0)
    files = Files(**reader.next())
    with contextlib.suppress(EOFError, BrokenPipeError):
        _say([])
        for changed in _changes(files, reader):
            _say(changed)


def _say(changed: list[str]) -> None:
    os.write(1, json.dumps(changed).encode() + b'\n')


class Input:
    """The messages of the supervisor.

    Parameters:
        number: the open file that they come from.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._unread = b''

    def next(self) -> Any:
        """Return the next message; wait for it.

        Raises:
            EOFError: the supervisor has ended.
        """
        while b'\n' not in self._unread:
            data = os.read(self._number, 65536)
            if not data:
                raise EOFError
            self._unread += data
        line, _, self._unread = self._unread.partition(b'\n')
        return json.loads(line)

    def arrives(self, timeout: float) -> bool:
        """Return whether there is a message, or the end.

        Parameters:
            timeout: how long to wait for it, in seconds.
        """
        return b'\n' in self._unread or bool(select.select([self._number], [], [], timeout)[0])


def _changes(files: Files, reader: Input) -> Iterator[list[str]]:
    try:
        import watchfiles

        yield from _notified(files, reader, watchfiles)
    except ImportError:
        pass
    except (OSError, RuntimeError) as error:  # such as a limit on what one user may have watched
        print(f'bottle: changed files are looked for every {files.interval:g} s: {error}', file=sys.stderr)
    yield from _polled(files, reader)


def _polled(files: Files, reader: Input) -> Iterator[list[str]]:
    while True:
        if reader.arrives(files.interval):
            files.add(reader.next())
        if changed := files.news():
            yield changed


def _notified(files: Files, reader: Input, watchfiles: Any) -> Iterator[list[str]]:
    """Yield what the operating system tells of the folders; look at the further files, which may lie anywhere."""
    events = watchfiles.watch(
        *files.roots,
        watch_filter=lambda _, path: files.matches(path),
        rust_timeout=LOOK_AT_INPUT,
        yield_on_timeout=True,
        raise_interrupt=False,
        debounce=100,
        recursive=True,
    )
    for number, event in enumerate(events):
        while reader.arrives(0):
            files.add(reader.next())
        if (event or number == 0 or files.is_restless()) and (changed := files.news()):
            yield changed
