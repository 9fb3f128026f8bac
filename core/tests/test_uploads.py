"""Uploaded files and their names."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.uploads import (
    FileUpload,
    is_device_name,
    safe_filename,
)

# File names


@pytest.mark.parametrize(
    ('raw', 'expected'),
    [
        ('abc.txt', 'abc.txt'),
        ('ABC-1_2.tar.gz', 'ABC-1_2.tar.gz'),
        ('ab c\t d.txt', 'ab-c-d.txt'),
        ('ä ö ü.txt', 'a-o-u.txt'),
        ('€.txt', 'txt'),
        ('/etc/passwd', 'passwd'),
        ('../../x', 'x'),
        ('..\\x', 'x'),
        ('C:\\dir\\x.txt', 'x.txt'),
        ('C:x', 'Cx'),
        ('a:b', 'ab'),
        ('a\0b\r\n', 'ab'),
        ('.hidden', 'hidden'),
        ('trailing...', 'trailing'),
        ('-x-', 'x'),
        ('', 'empty'),
        ('...', 'empty'),
        ('日本', 'empty'),
        (b'\xc3\xbc\xff', 'u'),
        ('x' * 300, 'x' * 255),
        ('CON', '_CON'),
        ('con.txt', '_con.txt'),
        ('Nul.tar.gz', '_Nul.tar.gz'),
        ('COM1', '_COM1'),
        ('COM¹.txt', '_COM1.txt'),
        ('LPT0', '_LPT0'),
        ('CON .txt', 'CON-.txt'),
        ('console.log', 'console.log'),
        ('COM10', 'COM10'),
    ],
)
def test_safe_filename(raw: Any, expected: Any) -> None:
    assert safe_filename(raw) == expected
    assert FileUpload(io.BytesIO(), 'field', raw).filename == expected


@given(st.text())
def test_no_name_is_dangerous(raw: Any) -> None:
    name = safe_filename(raw)
    assert 0 < len(name) <= 255
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>|\0 ')
    assert name[0] not in '.-'
    assert name[-1] not in '.- '
    assert not is_device_name(name)


# FileUpload


def upload(content: Any = b'content', filename: Any = 'a b.txt', headers: Any = None) -> Any:
    return FileUpload(io.BytesIO(content), 'field', filename, headers)


def test_what_is_known_of_an_upload() -> None:
    one = upload(headers={'content-type': 'text/x', 'Content-Length': '7', 'X-Other': 'y'})
    assert (one.name, one.raw_filename, one.filename) == ('field', 'a b.txt', 'a-b.txt')
    assert (one.content_type, one.content_length) == ('text/x', 7)
    assert one.get_header('x-other') == 'y'
    assert one.get_header('nope', 1) == 1
    assert (upload().content_type, upload().content_length) == ('', -1)
    assert 'a b.txt' in repr(one)


def test_header_properties_can_be_set() -> None:
    one = upload()
    one.content_type, one.content_length = 'text/y', 5
    assert one.headers.dict == {'Content-Type': ['text/y'], 'Content-Length': ['5']}


def test_save_to_a_path_a_folder_and_a_file(tmp_path: Any) -> None:
    one = upload()
    one.save(tmp_path / 'x')
    one.save(str(tmp_path))
    target = io.BytesIO()
    one.save(target, chunk_size=2)
    assert (tmp_path / 'x').read_bytes() == (tmp_path / 'a-b.txt').read_bytes() == target.getvalue() == b'content'
    assert one.file.tell() == 0


def test_save_overwrites_only_when_told(tmp_path: Any) -> None:
    target = tmp_path / 'x'
    target.write_text('precious')
    with pytest.raises(FileExistsError):
        upload().save(target)
    assert target.read_text() == 'precious'
    upload().save(target, overwrite=True)
    assert target.read_text() == 'content'


def test_a_failing_save_leaves_no_file(tmp_path: Any) -> None:
    class Broken(io.BytesIO):
        def read(self, size: Any = -1) -> Any:
            if self.tell():
                raise OSError(28, 'No space left on device')
            return super().read(size)

    with pytest.raises(OSError, match='No space'):
        FileUpload(Broken(b'x' * 100), 'field', 'x').save(tmp_path / 'x', chunk_size=10)
    assert list(tmp_path.iterdir()) == []
