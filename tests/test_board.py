"""The example board, end to end: every installed server that listens runs it, two processes share its file."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from bottle import server_names
from bottle.serving.bridge import BridgedAdapter
from tests.board_driver import Visitor, drive_board
from tests.support.processes import Server, clean_environment, run, serving

BOARD = Path(__file__).parent.parent / 'examples' / 'board'


def listening_servers() -> list[str]:
    """Return the names of the installed servers that are ready, need nothing else and speak HTTP."""
    listed = json.loads(run([sys.executable, '-m', 'bottle', '--servers', '--json'], BOARD))
    ready = {each['name']: server_names[each['name']] for each in listed if each['state'] == 'ready'}
    unable = {name for name, adapter in ready.items() if issubclass(adapter, BridgedAdapter)}
    unable |= {'meinheld'} if sys.version_info >= (3, 13) else set()  # it is installed there and does not run
    return [name for name, adapter in ready.items() if adapter.capabilities.protocol == 'http' and name not in unable]


def board(stack: ExitStack, database: Path, server: str = 'wsgiref') -> Server:
    command = [sys.executable, '-m', 'bottle', '-s', server, '-b', '127.0.0.1:0', 'app:app']
    return stack.enter_context(serving(command, BOARD, {'BOARD_DB': str(database)}))


@pytest.mark.parametrize('server', listening_servers())
def test_board(server: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        running = board(stack, tmp_path / 'data' / 'board.sqlite3', server)
        drive_board(running.url)
        drive_board(running.url)
        assert running.process.poll() is None
        assert 'Traceback' not in ''.join(running.output)


def test_processes_share_the_board(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, second = (board(stack, tmp_path / 'board.sqlite3') for _ in range(2))
        visitor = Visitor(first.url)
        assert visitor.post_form({'author': 'Ann', 'body': 'to the first'}).status == 303
        page = Visitor(second.url, visitor.cookies).page('/')
        assert 'to the first' in page
        assert 'value="Ann"' in page
        with ThreadPoolExecutor(8) as threads:
            visitors = [Visitor(url) for url in (first.url, second.url) for _ in range(4)]
            posted = [
                threads.submit(each.post_json, {'author': 'Bo', 'body': f'{number}'})
                for number in range(5)
                for each in visitors
            ]
            assert {future.result().status for future in posted} == {201}
        assert len(json.loads(visitor.get('/api/messages?limit=100').body)['messages']) == 41


def test_options_of_the_program(tmp_path: Path) -> None:
    database = tmp_path / 'elsewhere.sqlite3'
    with ExitStack() as stack:
        command = [sys.executable, 'app.py', '--port', '0', '--db', str(database)]
        running = stack.enter_context(serving(command, BOARD))
        assert Visitor(running.url).post_json({'author': 'Ann', 'body': 'x'}).status == 201
    assert database.exists()


def test_importing_the_board_creates_nothing(tmp_path: Path) -> None:
    environment = clean_environment({'BOARD_DB': str(tmp_path / 'board.sqlite3')})
    subprocess.run([sys.executable, '-c', 'import app'], cwd=BOARD, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
