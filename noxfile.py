"""Every check of this repository. `nox -l` lists the sessions, `nox -s tests-3.12 -- core/tests -k route` runs a part.

Distributions are found by their `pyproject.toml`: a new plugin folder is built, tested and checked without a line here.
"""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
FOLDERS = [Path('core'), *sorted(file.parent.relative_to(ROOT) for file in ROOT.glob('plugins/*/pyproject.toml'))]
PYTHONS = nox.project.python_versions(nox.project.load_toml(ROOT / 'core' / 'pyproject.toml'))
TOOLS = nox.project.load_toml(ROOT / 'pyproject.toml')
WHEELS = ROOT / 'dist'
REPORTS = ROOT / '.nox' / 'reports'
# These install a lot, or take long: they run with one Python, in sessions of their own.
KIT, DEPLOY = 'plugins/bottle-conformance/tests', 'plugins/bottle-deploy/tests'
BROKEN = f'{KIT}/test_broken.py'
APART = ('isolation', 'ecosystem', 'operation', 'faults', 'conformance', 'deployment')
ONCE = [f'--ignore=tests/{each}' for each in APART]
THIS = f'{sys.version_info.major}.{sys.version_info.minor}'  # the Python of this program, and of what sessions share
EXAMPLES = ('bottle', *(f'bottle_server_{name}' for name in ('cgi', 'gevent', 'gunicorn', 'paste', 'waitress')))
PIP_INSTALL = ('python', '-m', 'pip', 'install')
PYTHON27 = ROOT / '.venv' / 'python27'  # where tests/support/python27.py looks for it, too
SHARED = ROOT / '.nox' / 'everything'  # the environment of the sessions that need everything and one Python
AT_ONCE = 2 * (os.cpu_count() or 1)  # tests: most of them wait for a process most of the time

nox.needs_version = '>=2026.4'
nox.options.default_venv_backend = 'uv|virtualenv'
nox.options.download_python = 'never'
nox.options.error_on_missing_interpreters = False  # a Python that is not there is a skipped session, in CI too
nox.options.sessions = ['lint', 'wheels', 'build', 'tests']
nox.options.sessions += ['types', 'servers', 'operation', 'deployment', 'coverage', 'isolation', 'ecosystem']


def reveal_pyenv_interpreters() -> None:
    """Let the shims of pyenv run every version that we test, not only the one that is chosen globally."""
    root = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv'))
    versions = [path.parent.parent.name for path in root.glob('versions/*/bin/python')]
    wanted = sorted(version for version in versions if re.sub(r'^(\d+\.\d+)\..*', r'\1', version) in PYTHONS)
    if wanted and 'PYENV_VERSION' not in os.environ:
        os.environ['PYENV_VERSION'] = ':'.join(wanted)


reveal_pyenv_interpreters()


def tools(*groups: str) -> tuple[str, ...]:
    """Return the requirements of these dependency groups."""
    return nox.project.dependency_groups(TOOLS, *groups)


def load(folder: Path) -> dict[str, Any]:
    """Return the `pyproject.toml` of a distribution."""
    return nox.project.load_toml(ROOT / folder / 'pyproject.toml')


def backends() -> list[str]:
    """Return what the distributions need from elsewhere: all their requirements but each other."""
    projects = [load(folder)['project'] for folder in FOLDERS]
    ours = {project['name'] for project in projects}
    needed = {line for project in projects for line in project.get('dependencies', [])}
    return sorted(line for line in needed if re.split(r'[^\w.-]', line)[0] not in ours)


def floors() -> list[str]:
    """Return the lowest version of each backend that a distribution says it works with, as the only one allowed."""
    return [re.sub(r'>=([^,;]+)[^;]*', r'==\1', line) for line in backends() if '>=' in line]


def install_wheels(
    session: nox.Session, *groups: str, exactly: Sequence[str] = (), which: Sequence[str] = ('*',)
) -> None:
    """Install every built wheel, or some, with what it needs, and these dependency groups."""
    wheels = sorted(str(path.relative_to(ROOT)) for each in which for path in WHEELS.glob(f'{each}-*.whl'))
    session.install(*wheels, *exactly, *tools(*groups))
    session.install('--force-reinstall', '--no-deps', *wheels, silent=True)  # a reused environment may hold older ones
    install_by_remedy(session)


def install_by_remedy(session: nox.Session) -> None:
    """Install the backends that no requirement can name, as `--servers` says how."""
    listed = session.run('python', '-m', 'bottle', '--servers', '--json', silent=True)
    missing = [each for each in json.loads(str(listed)) if each['state'] == 'backend missing']
    if missing:
        session.install('setuptools')  # what is built without isolation needs it
    for command in (part for each in missing for part in each['remedy'].split('&&')):
        session.install(*shlex.split(command)[len(PIP_INSTALL) :])


def install_python27(session: nox.Session) -> None:
    """Install the servers of Python 2.7 where the tests look for them, if there is such a Python."""
    no_interpreter = 3
    session.run('scripts/install-python27-backends', str(PYTHON27), external=True, success_codes=[0, no_interpreter])


def run_python(session: nox.Session, *arguments: str, shared: bool = False, **environment: str) -> None:
    """Run Python in the session's environment, or in the shared one if it has none of its own or is told to."""
    python = 'python'
    if shared or session.virtualenv.venv_backend == 'none':
        python = str(SHARED / 'bin' / 'python')
        environment['PATH'] = f'{SHARED / "bin"}{os.pathsep}{os.environ["PATH"]}'
        environment['VIRTUAL_ENV'] = str(SHARED)
    environment['BOTTLE_PYTHON27'] = str(PYTHON27 / 'bin' / 'python2.7')
    session.run(python, *arguments, env=environment, external=True)


def run_pytest(session: nox.Session, *arguments: str, at_once: int = 1, shared: bool = False) -> None:
    """Run pytest with a limit per test, and leave a report for `scripts/summarise_tests.py`."""
    report = ['--timeout=180', f'--junitxml={REPORTS / session.name}.xml']
    parallel = [f'--numprocesses={at_once}', '--dist=worksteal'] if at_once > 1 else []
    pytest = ['-m', 'pytest', '-q', *report, *parallel, *arguments]
    run_python(session, *pytest, shared=shared, BOTTLE_WHEELS=str(WHEELS))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, likely mistakes and formatting of every Python file with ruff."""
    session.install(*tools('lint'))
    session.run('ruff', 'check', '.')
    session.run('ruff', 'format', '--check', '.')


@nox.session(name='format')
def format_code(session: nox.Session) -> None:
    """Format every Python file and mend what ruff can mend by itself."""
    session.install(*tools('lint'))
    session.run('ruff', 'check', '--fix-only', '.')
    session.run('ruff', 'format', '.')


@nox.session(requires=['everything'], venv_backend='none')
def types(session: nox.Session) -> None:
    """Check the types of the distributions, the tests, the examples and the tools with mypy in strict mode."""
    run_python(session, 'scripts/check_types.py', *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every sdist and, from the sdist, every wheel: what the sessions after this one test."""
    requirements = {line for folder in FOLDERS for line in load(folder)['build-system']['requires']}
    session.install(*sorted(requirements), *tools('wheels'))
    shutil.rmtree(WHEELS, ignore_errors=True)
    for folder in FOLDERS:
        session.run('python', '-m', 'build', '--no-isolation', '--outdir', str(WHEELS), str(folder), silent=True)


@nox.session(requires=['wheels'])
def build(session: nox.Session) -> None:
    """Check the metadata and the contents of every sdist and wheel."""
    session.install(*tools('build'))
    archives = sorted(str(path.relative_to(ROOT)) for path in WHEELS.iterdir() if path.suffix in {'.whl', '.gz'})
    session.run('twine', 'check', '--strict', *archives)
    session.run('python', 'scripts/check_archives.py', *archives)


@nox.session(python=PYTHONS, requires=['everything'])
def tests(session: nox.Session) -> None:
    """Run the tests on the built wheels: all with the Python that runs this, the core's and some servers' with each.

    Arguments after `--` go to pytest instead of the folders.
    """
    shared, nightly = session.python == THIS, os.environ.get('BOTTLE_NIGHTLY') == '1'
    if not shared:
        install_wheels(session, 'test', which=['*'] if nightly else EXAMPLES)
    folders = [path for folder in FOLDERS if (path := folder / 'tests').is_dir() and str(path) not in (KIT, DEPLOY)]
    few = [path for path in folders if path.parts[-2].replace('-', '_') in ('core', *EXAMPLES)]
    chosen = [*folders, 'tests', *ONCE] if shared or nightly else [*few, 'tests/serving']
    run_pytest(session, *(session.posargs or map(str, chosen)), at_once=AT_ONCE, shared=shared)


@nox.session(requires=['wheels'])
def everything(session: nox.Session) -> None:
    """Install every wheel, and whatever the sessions after this one need, into the environment that they share."""
    install_wheels(session, 'isolation', 'coverage', 'types')
    install_python27(session)


@nox.session(requires=['everything'], venv_backend='none')
def servers(session: nox.Session) -> None:
    """Run the quick conformance kit on every server and compare docs/servers.md with what is found; test the kit."""
    run_python(session, 'scripts/measure_servers.py', *(session.posargs or ['--check']))
    if not session.posargs:
        run_pytest(session, 'tests/conformance', BROKEN, at_once=AT_ONCE)


@nox.session(requires=['everything'], venv_backend='none')
def conformance(session: nox.Session) -> None:
    """Run the whole conformance kit on every server, and the corpora of malformed requests."""
    run_python(session, 'scripts/measure_servers.py', '--thorough', *session.posargs)
    run_pytest(session, 'tests/conformance')


@nox.session(requires=['wheels'])
def plugin(session: nox.Session) -> None:
    """Run the quick kit with the newest version of each backend: all servers, or `nox -s plugin -- gevent paste`."""
    install_wheels(session, 'test')
    install_python27(session)
    run_python(session, 'scripts/measure_servers.py', *session.posargs)


@nox.session(requires=['wheels'])
def plugin_min(session: nox.Session) -> None:
    """Run the quick kit with the lowest version of each backend: all servers, or `nox -s plugin_min -- gevent`."""
    install_wheels(session, 'test', exactly=floors())
    install_python27(session)
    run_python(session, 'scripts/measure_servers.py', *session.posargs)


@nox.session(requires=['everything'], venv_backend='none')
def operation(session: nox.Session) -> None:
    """Operate every server: options from everywhere, workers, reloading, a proxy in front; and what goes wrong."""
    folders = ['tests/operation', 'tests/faults', KIT, f'--ignore={BROKEN}', f'--ignore={KIT}/test_suite.py']
    run_pytest(session, *(session.posargs or folders), at_once=AT_ONCE)


@nox.session(requires=['everything'], venv_backend='none')
def deployment(session: nox.Session) -> None:
    """Start what `python -m bottle deploy` writes: real balancers, web servers, platforms, under load and failures."""
    run_pytest(session, *(session.posargs or ['tests/deployment', DEPLOY]), at_once=AT_ONCE)


@nox.session(requires=['everything'], venv_backend='none')
def isolation(session: nox.Session) -> None:
    """Install each plugin into an empty environment and serve; follow the README; `make serve` from a fresh copy."""
    run_pytest(session, *(session.posargs or ['tests/isolation']), at_once=AT_ONCE)


@nox.session(requires=['everything'], venv_backend='none')
def ecosystem(session: nox.Session) -> None:
    """Run what others wrote for Bottle, unchanged, on our core: eel in a browser, pywebview, plugins, their tests."""
    run_pytest(session, *(session.posargs or ['tests/ecosystem']), at_once=AT_ONCE)


@nox.session(requires=['everything'], venv_backend='none')
def coverage(session: nox.Session) -> None:
    """Measure which branches of the framework wing its tests take; less than 95% is a failure."""
    data = str(REPORTS.parent / 'coverage.data')
    unmeasured = 'not ten_thousand_routes and not number_of_routes and not linear_time'  # they measure time themselves
    tests = ['core/tests', '--ignore=core/tests/serving', '-k', unmeasured, '--timeout=180', *session.posargs]
    run_python(session, '-m', 'coverage', 'run', '-m', 'pytest', '-q', *tests, COVERAGE_FILE=data)
    run_python(session, '-m', 'coverage', 'report', '--skip-covered', COVERAGE_FILE=data)


@nox.session
def changelog(session: nox.Session) -> None:
    """Turn changelog fragments into the entry of a release: `nox -s changelog -- core 1.0.0 [--draft]`."""
    if len(session.posargs) < 2:
        session.error('say which distribution and version: nox -s changelog -- core 1.0.0')
    folder, version, *options = session.posargs
    session.install(*tools('changelog'))
    where = ['--config', 'pyproject.toml', '--dir', folder, '--name', load(Path(folder))['project']['name']]
    session.run('towncrier', 'build', *where, '--version', version, '--yes', *options)
