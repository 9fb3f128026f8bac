"""Nothing in the repository depends on the machine where it was written: no home folders, no package registries."""

import re
from pathlib import Path

import pytest

from tests.support.sources import repository_files, shown

# Character classes keep these patterns from finding themselves.
TRACES = {
    'a folder of one machine': re.compile(r'(?<![\w.])/(root|work|Users/\w+|home/\w+|opt/\w+)[/]\w'),
    'a package registry': re.compile(
        r'pypi[.]org|pythonhosted[.]org|npmjs[.]org|deb[.]debian[.]org|index[-]url\s*=', re.IGNORECASE
    ),
}


def traces(text: str) -> list[str]:
    """Return what a text gives away."""
    return [f'{what}: {found[0]}' for what, pattern in TRACES.items() for found in pattern.finditer(text)]


@pytest.mark.parametrize('path', repository_files(), ids=shown)
def test_no_traces_of_a_machine(path: Path) -> None:
    try:
        text = path.read_text(encoding='utf-8')
    except UnicodeDecodeError:
        return  # an image or another binary file
    assert traces(text) == []


@pytest.mark.parametrize(
    'text',
    [
        'see /' + 'root/notes',
        'cd /' + 'work/main',
        '/' + 'home/ann/bottle',
        'https://' + 'pypi.' + 'org/simple',
        'index-' + 'url = x',
    ],
)
def test_a_trace_is_found(text: str) -> None:
    assert traces(text)


@pytest.mark.parametrize(
    'text', ['/static/root', 'import root', './' + 'work/x', 'path/' + 'work/x', 'http://127.0.0.1:8080/']
)
def test_other_text_passes(text: str) -> None:
    assert traces(text) == []
