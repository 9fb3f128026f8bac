"""What counts as a change: files that have settled, below the folders or imported from elsewhere."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bottle.serving import watching
from bottle.serving.watching import Files, Watch


def files(
    root: Path, include: tuple[str, ...] = ('*.py', '*.tpl'), exclude: tuple[str, ...] = ('.*', 'build')
) -> Files:
    """Return the files below a folder, watched."""
    return Files([str(root)], list(include), list(exclude), 1.0)


def test_what_is_a_change(tmp_path: Path) -> None:
    module = tmp_path / 'module.py'
    module.write_text('1')
    watched = files(tmp_path)
    assert watched.news() == []
    module.write_text('2')
    assert watched.news() == [str(module)]
    assert watched.news() == []
    os.utime(module, (1, 1))
    assert watched.news() == [str(module)]
    (tmp_path / 'temporary').write_text('3')
    (tmp_path / 'temporary').replace(module)
    (tmp_path / 'page.tpl').touch()
    assert watched.news() == [str(module), str(tmp_path / 'page.tpl')]
    module.unlink()
    assert watched.news() == [str(module)]
    module.write_text('4')
    assert watched.news() == [str(module)]


def test_patterns(tmp_path: Path) -> None:
    watched = files(tmp_path)
    for name in ('notes.txt', '.hidden.py', 'build/made.py', '.git/hook.py'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        assert not watched.matches(str(tmp_path / name))
    assert watched.news() == []
    assert not files(tmp_path, ()).matches(str(tmp_path / 'module.py'))
    assert files(tmp_path, ('*',), ()).matches(str(tmp_path / 'build' / 'notes.txt'))


def test_two_files_that_change_one_after_the_other_are_one_change(tmp_path: Path) -> None:
    watched = files(tmp_path)
    (tmp_path / 'one.py').touch()
    later = threading.Timer(watching.SETTLING / 2, (tmp_path / 'two.py').touch)
    later.start()
    assert watched.news() == [str(tmp_path / 'one.py'), str(tmp_path / 'two.py')]
    later.join()


@contextmanager
def changing(file: Path) -> Iterator[None]:
    """Let a file change all the time."""
    done = threading.Event()

    def change() -> None:
        while not done.wait(0.01):
            file.write_text(str(time.monotonic()))

    file.touch()
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_file_that_changes_all_the_time_hides_no_other_and_is_no_change(tmp_path: Path) -> None:
    log = tmp_path / 'log.py'
    watched = files(tmp_path)
    with changing(log):
        assert watched.news() == []
        assert watched.is_restless()
        (tmp_path / 'module.py').touch()
        assert watched.news() == [str(tmp_path / 'module.py')]
    assert watched.news() == [str(log)]
    assert not watched.is_restless()


def test_further_files_may_lie_anywhere(tmp_path: Path) -> None:
    (tmp_path / 'root').mkdir()
    module, neighbour = tmp_path / 'module.so', tmp_path / 'neighbour.so'
    module.touch()
    watched = files(tmp_path / 'root')
    watched.add([str(module), str(tmp_path / 'absent.py')])
    assert watched.matches(str(module))
    assert not watched.matches(str(neighbour))
    assert not watched.is_restless()
    os.utime(module, (1, 1))
    assert watched.is_restless()
    assert watched.news() == [str(module)]


def test_folders_behind_links_are_watched_once(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / 'root', tmp_path / 'elsewhere'
    root.mkdir()
    elsewhere.mkdir()
    (root / 'views').symlink_to(elsewhere)
    (elsewhere / 'circle').symlink_to(root)
    watched = files(root)
    (elsewhere / 'page.tpl').touch()
    assert watched.news() == [str(root / 'views' / 'page.tpl')]


def test_a_folder_with_too_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those count that match no pattern, too: all of them have to be looked at."""
    monkeypatch.setattr(watching, 'MAX_FILES', 20)
    for number in range(20):
        (tmp_path / f'{number}.dat').touch()
    (tmp_path / 'module.py').touch()
    assert files(tmp_path).roots == []
    assert 'too many files' in capsys.readouterr().err


def test_many_files_cost_little(tmp_path: Path) -> None:
    for folder in range(40):
        (tmp_path / str(folder)).mkdir()
        for number in range(50):
            (tmp_path / str(folder) / f'module{number}.py').touch()
    watched = files(tmp_path)
    began = time.process_time()
    for _ in range(5):
        assert watched.news() == []
    assert (time.process_time() - began) / 5 < 0.04


@pytest.fixture(params=['notified', 'polling', 'failing'])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the process that watches find watchfiles, or none, or one that the system refuses to serve."""
    texts = {'polling': 'raise ImportError\n', 'failing': 'def watch(*_, **__): raise OSError("too many watches")\n'}
    if request.param in texts:
        folder = tmp_path / 'modules'
        folder.mkdir()
        (folder / 'watchfiles.py').write_text(texts[request.param])
        monkeypatch.setattr(sys, 'path', [str(folder), *sys.path])
    return str(request.param)


def test_a_process_that_watches(path: str, tmp_path: Path) -> None:
    root, library = tmp_path / 'root', tmp_path / 'library'
    root.mkdir()
    library.mkdir()
    (library / 'shared.py').touch()
    with Watch([str(root)], ['*.py'], [], 0.1) as watch:
        (root / 'module.py').write_text('1')
        assert [Path(each).name for each in watch.changed()] == ['module.py']
        watch.add([str(library / 'shared.py')])
        watch.add([str(library / f'{number:050}.py') for number in range(3000)])  # more than a pipe holds
        (root / 'other.py').write_text('1')
        assert [Path(each).name for each in watch.changed()] == ['other.py']
        os.utime(library / 'shared.py', (1, 1))
        assert [Path(each).name for each in watch.changed()] == ['shared.py']
