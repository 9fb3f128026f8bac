"""What a worker knows of itself: what was handed to it, and which source files it depends on."""

import json
import os
import sys
from pathlib import Path

import pytest

from bottle.serving.processes import this_program
from bottle.serving.worker import VARIABLE, Handover, source_files
from tests.support.processes import run


def test_a_handover_belongs_to_whoever_holds_the_lifeline() -> None:
    reader, writer = os.pipe()
    other, end = os.pipe()
    inode = os.fstat(reader).st_ino
    try:
        assert Handover(lifeline=reader, inode=inode, channel=writer).is_held()
        assert not Handover(lifeline=other, inode=inode, channel=writer).is_held()
    finally:
        for each in (reader, writer, other, end):
            os.close(each)
    assert not Handover(lifeline=reader, inode=inode, channel=writer).is_held()


def test_a_handover_survives_its_journey() -> None:
    handover = Handover(lifeline=3, inode=4, channel=5, sockets=[6], certificate=['cert.pem', 'key.pem'])
    assert Handover(**json.loads(handover.as_text())) == handover


STRANGER = """
import os
from bottle.serving.worker import VARIABLE, this_worker
print(this_worker(), VARIABLE in os.environ)
"""


def test_a_stranger_that_sees_the_variable_is_no_worker_and_hands_it_to_nobody(tmp_path: Path) -> None:
    text = Handover(lifeline=97, inode=1, channel=98).as_text()
    assert run([sys.executable, '-c', STRANGER], tmp_path, {VARIABLE: text}) == 'None False\n'


def test_source_files_are_those_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'a_module_of_the_program.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__('a_module_of_the_program')
    found = source_files()
    assert str(tmp_path / 'a_module_of_the_program.py') in found
    assert not [each for each in found if each.endswith(('json/__init__.py', '_pytest/fixtures.py'))]


def test_the_path_of_this_program_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules['__main__']
    monkeypatch.setattr(main, '__file__', '/srv/program.py', raising=False)
    monkeypatch.setattr(main, '__spec__', None)
    monkeypatch.setattr(sys, 'argv', ['program.py', 'program.py'])
    monkeypatch.setattr(sys, 'orig_argv', ['python', '-O', 'program.py', 'program.py'])
    assert this_program() == ['-O', '/srv/program.py', 'program.py']
