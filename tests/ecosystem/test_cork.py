"""bottle-cork: its own test suite, with Bottle 0.13 as the measure, and its example application with its templates."""

import re
import shutil
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest

from tests.ecosystem.conftest import Install
from tests.support.processes import attempt, run, serving

RELEASE = 'bottle-cork==0.12.0'
BASELINE = 'bottle==0.13.4'
# pycrypto, which cork requires and never imports, does not build on Python 3: cork is installed alone. Pycryptodome
# encrypts the cookies of beaker, whose sessions cork uses.
REQUIRED = ['beaker', 'mock', 'pycryptodome', 'pytest', 'scrypt', 'webtest']
# Tests that pass neither here nor with Bottle 0.13.4, and why. None of the reasons has to do with Bottle.
NOT_RUN = {
    r'tests\.test_foo$': 'written for Python 2: print is a statement',
    r'tests\.test_(flask|webtest_\w+)$': 'needs nose, which does not run on Python >= 3.10',
    r'tests\.test_sqlalchemy$': 'needs MySQLdb when it is imported, and a MySQL server',
    r'\[(mysql|mongodb|postgresql)\]$': 'needs a running database server',
    r'\[sqlalchemy\]$': 'needs SQLAlchemy < 1.4, which has no wheel for Python >= 3.11',
    r'tests\.test_sqla$': 'needs SQLAlchemy < 1.4 when it is imported, and a PostgreSQL server',
    r'tests\.test_(crypto::test_beaker_gen_keys|pbkdf2::test_.*)': "calls beaker's generateCryptoKeys as of 2013",
    r'tests\.test_set_pass::test_verify_password\[(json|sqlite)\]$': 'expects a hash that was made in another way',
    r'::test_perform_password_reset_mangled_timestamp\[(json|sqlite)\]$': 'marked by its authors as known to fail',
}
FEWEST = 180  # passed with both when this was written; fewer means that the suite was not really run
# What Python 3 cannot read in the example application. The rest runs as its authors wrote it.
PYTHON_2 = {
    r'except Exception, e:': 'except Exception as e:',
    r'\bprint (.+)': r'print(\1)',
    r'\be\.message\b': 'str(e)',
}


@pytest.fixture(scope='module')
def source(pip: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source distribution of cork."""
    folder = tmp_path_factory.mktemp('source')
    run([*pip, 'download', '--no-deps', '--no-binary', ':all:', '--dest', str(folder), RELEASE], folder)
    [archive] = folder.glob('*.tar.gz')
    run(['tar', '-xzf', str(archive)], folder)
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope='module')
def python(install: Install) -> Path:
    return install(*REQUIRED, alone=RELEASE)


@pytest.fixture(scope='module')
def older(install: Install) -> Path:
    return install(*REQUIRED, alone=RELEASE, bottle=BASELINE)


@pytest.fixture(scope='module')
def passed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], dict[str, bool]]:
    """Return a function that runs cork's tests with a Python: whether each test passed; unreadable modules count."""

    def outcome(python: Path) -> dict[str, bool]:
        folder = tmp_path_factory.mktemp('suite')
        shutil.copytree(source / 'tests', folder / 'tests')
        report = folder / 'report.xml'
        options = ['--continue-on-collection-errors', '-p', 'no:cacheprovider', f'--junitxml={report}']
        done = attempt([str(python), '-m', 'pytest', '-q', *options, 'tests'], folder, {'PYTEST_ADDOPTS': ''})
        assert report.exists(), done
        cases = ET.parse(report).getroot().iter('testcase')
        return {
            '::'.join(filter(None, (case.get('classname'), case.get('name')))): not any(
                case.find(fault) is not None for fault in ('failure', 'error', 'skipped')
            )
            for case in cases
        }

    return outcome


@pytest.fixture(scope='module')
def here(passed: Callable[[Path], dict[str, bool]], python: Path) -> dict[str, bool]:
    return passed(python)


def test_what_passes_with_bottle_0_13_passes_here(
    passed: Callable[[Path], dict[str, bool]], older: Path, here: dict[str, bool]
) -> None:
    there = passed(older)
    assert {name for name in there if there[name]} == {name for name in here if here[name]}
    assert sum(there.values()) >= FEWEST


def test_what_does_not_pass_has_a_reason(here: dict[str, bool]) -> None:
    failed = [name for name in here if not here[name]]
    assert [name for name in failed if not any(re.search(pattern, name) for pattern in NOT_RUN)] == []
    assert [pattern for pattern in NOT_RUN if not any(re.search(pattern, name) for name in failed)] == []


class Browser:
    """A client that keeps cookies and follows redirections."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def visit(self, path: str, **form: str) -> tuple[str, str]:
        """Return the path that a request ends at, and the page."""
        data = urlencode(form).encode() if form else None
        with self._opener.open(f'{self.url}{path}', data, timeout=15) as response:
            return response.url.removeprefix(self.url), response.read().decode()


@pytest.fixture
def example(source: Path, tmp_path: Path) -> Path:
    """Return a folder with cork's example application, its templates and its users."""
    for name in ('views', 'example_conf'):
        shutil.copytree(source / 'examples' / name, tmp_path / name)
    text = (source / 'examples' / 'simple_webapp.py').read_text()
    for old, new in PYTHON_2.items():
        text, count = re.subn(old, new, text, flags=re.MULTILINE)
        assert count, f'{old} is not there any more'
    (tmp_path / 'simple_webapp.py').write_text(text)
    return tmp_path


def test_the_example_application(python: Path, example: Path) -> None:
    command = [str(python), '-m', 'bottle', '-b', '127.0.0.1:0', 'simple_webapp:app']
    with serving(command, example) as server:
        admin, guest = Browser(server.url), Browser(server.url)
        assert guest.visit('user_is_anonymous') == ('user_is_anonymous', 'True')
        assert guest.visit('')[0] == 'login'
        assert guest.visit('admin')[0] == 'sorry_page'
        assert guest.visit('login', username='admin', password='wrong')[0] == 'login'

        path, page = admin.visit('login', username='admin', password='admin')
        assert (path, 'Welcome! <a href="/admin">' in page) == ('', True)
        assert admin.visit('my_role') == ('my_role', 'admin')
        assert 'Welcome admin, your role is: admin' in admin.visit('admin')[1]
        assert admin.visit('create_user', username='zoë', role='editor', password='pass word')[1].startswith(
            '{"ok": true'
        )
        assert '<tr><td>zoë</td><td>editor</td>' in admin.visit('admin')[1]
        assert admin.visit('create_role', role='x', level='not a number')[1].startswith('{"ok": false')

        assert guest.visit('login', username='zoë', password='pass word')[0] == ''
        assert guest.visit('my_role') == ('my_role', 'editor')
        assert guest.visit('admin')[0] == 'sorry_page'
        assert admin.visit('logout')[0] == 'login'
        assert admin.visit('admin')[0] == 'sorry_page'
        assert 'name="reset_code" value="a&lt;b"' in guest.visit('change_password/a%3Cb')[1]
        with pytest.raises(HTTPError, match='405'):
            guest.visit('create_role')
