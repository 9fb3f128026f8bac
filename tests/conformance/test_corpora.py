"""Requests that others keep for their tests, replayed by the kit."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bottle_conformance.corpus import WAYS, corpus_files, cut, unescaped
from bottle_conformance.subject import adapter_command, request, running
from bottle_conformance.witness import Witness
from tests.support.corpora import gunicorn_requests, multipart_forms

LIMIT = 150.0  # seconds for a run


def test_the_requests_of_gunicorn_do_no_harm(tmp_path: Path, pip: list[str]) -> None:
    corpus = gunicorn_requests(tmp_path, pip)
    number = len(corpus_files(corpus, 'valid') + corpus_files(corpus, 'invalid'))
    command = [sys.executable, '-m', 'pytest', '-q', '--pyargs', 'bottle_conformance', '--bottle-server', 'wsgiref']
    command += ['--bottle-corpus', str(corpus), '-k', 'of_a_corpus', '-p', 'no:cacheprovider']
    command += ['-c', os.devnull]  # else the corpus' own settings would be found
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, cwd=tmp_path)
    assert number > 100
    assert re.findall(r'(\d+) passed', done.stdout) == [str(number)], (done.stdout + done.stderr)[-3000:]


def test_the_forms_of_python_multipart_arrive_byte_exact(tmp_path: Path, pip: list[str]) -> None:
    forms = [path.read_bytes() for path in multipart_forms(tmp_path, pip)]
    assert len(forms) > 20
    with Witness() as witness, running('wsgiref', witness, adapter_command('wsgiref')) as server:
        for form in forms:
            head = request('/digest', f'Content-Length: {len(form)}', method='POST')
            for way in WAYS:
                with server.connect() as connection:
                    answer = connection.send_pieces(cut(head + form, way)).response()
                assert answer.body == f'{len(form)} {hashlib.sha256(form).hexdigest()}'.encode()


@pytest.mark.parametrize(
    ('text', 'meant'),
    [
        (b'GET / HTTP/1.1\\r\\n\nHost: a\\r\\n\n\\r\\n\n', b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
        (b'a\\tb\\0\\xFFc\\x0a\n\n', b'a\tb\0\xffc\n'),
    ],
)
def test_line_breaks_are_written_out(text: bytes, meant: bytes) -> None:
    assert unescaped(text) == meant


def test_a_folder_without_requests_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='a corpus has the folders "valid" and "invalid"'):
        corpus_files(tmp_path, 'valid')
