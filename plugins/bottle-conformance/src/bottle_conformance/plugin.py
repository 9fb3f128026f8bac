"""The plugin of pytest: which server is tested, how it is started, which tests apply, what is known not to hold."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bottle_conformance.client import Malformed
from bottle_conformance.corpus import corpus_files
from bottle_conformance.deviations import Deviation, as_deviations, known_deviations
from bottle_conformance.fronts import serving
from bottle_conformance.report import Results
from bottle_conformance.rules import MARKER, OPERATIONS, declares
from bottle_conformance.subject import Subject, adapter_command, by_hand_command
from bottle_conformance.witness import PATIENCE, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from bottle.serving import Capabilities, ServerAdapter

RESULTS = pytest.StashKey[Results]()
IMPATIENCE = 2.0  # seconds for what is known not to come
SAMPLE = 8  # parameters of a test in a quick run where each request costs a process


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup('bottle', 'conformance of WSGI servers')
    group.addoption('--bottle-server', metavar='NAME', help='the server to test')
    group.addoption('--bottle-by-hand', action='store_true', help='test its backend, started by its own API')
    group.addoption('--bottle-quick', action='store_true', help='leave out the tests that take long')
    group.addoption('--bottle-corpus', metavar='FOLDER', type=Path, help='replay requests: {valid,invalid}/*.http')
    group.addoption('--bottle-report', metavar='FILE', type=Path, help='write the results to a file, as JSON')


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and begin to take note of results."""
    config.addinivalue_line('markers', f'{MARKER}(level, sections, needs, thorough): what a test of the kit stands for')
    config.stash[RESULTS] = Results()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each request of the corpus."""
    folder = metafunc.config.getoption('--bottle-corpus')
    for kind in ('valid', 'invalid'):
        if (name := f'{kind}_request') in metafunc.fixturenames:
            files = corpus_files(folder, kind) if folder else [None]
            metafunc.parametrize(name, files, ids=[each.stem if each else 'no corpus' for each in files])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not apply to the server, and expect its deviations to fail."""
    kept = [item for item in items if _applies(item, config)]
    kept = _sampled(kept, config) if config.getoption('--bottle-quick') else kept
    left_out = [item for item in items if item not in kept]
    items[:] = kept
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    for item in kept:
        if deviation := _deviation(item):
            item.add_marker(pytest.mark.xfail(reason=str(deviation), strict=not deviation.by_chance))


def _applies(item: pytest.Item, config: pytest.Config) -> bool:
    marker, suite = item.get_closest_marker(MARKER), getattr(item, 'cls', None)
    if marker is None or suite is None:
        return True
    if config.getoption('--bottle-by-hand') and marker.kwargs['level'] == OPERATIONS:
        return False
    needed = marker.kwargs['needs']
    if needed and not declares(capabilities_of(suite, config), needed):
        config.stash[RESULTS].leave_out(item, needed)
        return False
    if 'no corpus' in item.name:
        return False
    return not (marker.kwargs['thorough'] and config.getoption('--bottle-quick'))


def _sampled(items: list[pytest.Item], config: pytest.Config) -> list[pytest.Item]:
    """Return items with a few parameters of each test, the same ones every time, where a request costs a process."""
    tests: dict[tuple[type, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        suite = getattr(item, 'cls', None)
        if suite and item.get_closest_marker(MARKER) and capabilities_of(suite, config).concurrency == 'per-request':
            tests[suite, item.name.partition('[')[0]].append(item)
    excess = {key: max(0, len(found) - SAMPLE) for key, found in tests.items()}
    left_out = [random.Random(key[1]).sample(found, excess[key]) for key, found in tests.items()]
    return [item for item in items if not any(item in found for found in left_out)]


def _deviation(item: pytest.Item) -> Deviation | None:
    """Return the deviation of a test: of all its parameters, or of just these."""
    suite = getattr(item, 'cls', None)
    if suite is None or item.get_closest_marker(MARKER) is None or item.config.getoption('--bottle-by-hand'):
        return None
    known = deviations_of(suite, item.config)
    return known.get(item.name) or known.get(getattr(item, 'originalname', item.name))


def _answers(subject: Subject) -> bool:
    """Return whether a server still serves; one that is about to crash passes for alive for a moment."""
    try:
        return subject.ask().status < 500
    except (OSError, Malformed):
        return False


def _leaves_traces(item: pytest.Item) -> bool:
    """Return whether a test, with these or other parameters, may harm a server so that it fails later."""
    suite, name = getattr(item, 'cls', None), getattr(item, 'originalname', item.name)
    known = deviations_of(suite, item.config) if suite else {}
    return any(each.by_chance for test, each in known.items() if test.partition('[')[0] == name)


def name_of(suite: type, config: pytest.Config) -> str:
    """Return the name of the server that a suite tests.

    Parameters:
        suite: the subclass of `ServerSuite`.
        config: the configuration of pytest.

    Raises:
        UsageError: there is none.
    """
    name = getattr(suite, 'server_name', '') or config.getoption('--bottle-server')
    if not name:
        raise pytest.UsageError('say which server is to be tested: --bottle-server NAME')
    return str(name)


def adapter_of(suite: type, config: pytest.Config) -> type[ServerAdapter]:
    """Return the adapter class that a suite tests.

    Parameters:
        suite: the subclass of `ServerSuite`.
        config: the configuration of pytest.

    Raises:
        UsageError: there is no such server, or it cannot be loaded.
    """
    from bottle import server_names
    from bottle.errors import ServerError

    try:
        return server_names[name_of(suite, config)]
    except ServerError as error:
        raise pytest.UsageError(str(error)) from error


def capabilities_of(suite: type, config: pytest.Config) -> Capabilities:
    """Return what the server that a suite tests declares.

    Parameters:
        suite: the subclass of `ServerSuite`.
        config: the configuration of pytest.
    """
    return adapter_of(suite, config).capabilities


def deviations_of(suite: type, config: pytest.Config) -> dict[str, Deviation]:
    """Return the known deviations of the server that a suite tests, by the name of the test.

    Parameters:
        suite: the subclass of `ServerSuite`.
        config: the configuration of pytest.

    Raises:
        UsageError: the adapter's file of deviations is not as it should be.
    """
    given: dict[str, Any] = getattr(suite, 'deviations', {})
    try:
        return known_deviations(adapter_of(suite, config)) | as_deviations(given)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Take note of how each test of the kit ends."""
    report = yield
    if marker := item.get_closest_marker(MARKER):
        item.config.stash[RESULTS].note(item, marker, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the results."""
    target = session.config.getoption('--bottle-report')
    if target:
        target.write_text(json.dumps(session.config.stash[RESULTS].as_data(), indent=1), encoding='utf-8')


@pytest.fixture(scope='class')
def witness() -> Iterator[Witness]:
    """Hear what the application has received."""
    with Witness() as found:
        yield found


@pytest.fixture(scope='class')
def subject_name(request: pytest.FixtureRequest) -> str:
    """Return the name by which the server under test is started."""
    return name_of(request.cls, request.config)


@pytest.fixture(scope='class')
def adapter(request: pytest.FixtureRequest) -> type[ServerAdapter]:
    """Return the adapter class under test."""
    return adapter_of(request.cls, request.config)


@pytest.fixture(scope='class')
def launch(request: pytest.FixtureRequest, witness: Witness) -> Callable[..., AbstractContextManager[Subject]]:
    """Return a function that starts the server with some arguments of the command line, for a `with` block."""
    name = name_of(request.cls, request.config)
    protocol = capabilities_of(request.cls, request.config).protocol

    def start(*options: str, **keywords: Any) -> AbstractContextManager[Subject]:
        return serving(protocol, name, witness, adapter_command(name, options, **keywords))

    return start


@pytest.fixture(scope='class')
def _shared(request: pytest.FixtureRequest, witness: Witness) -> Iterator[Callable[[], Subject]]:
    """Return a function that returns the server that tests share: a new one when the last one has ended."""
    name = name_of(request.cls, request.config)
    by_hand = request.config.getoption('--bottle-by-hand')
    command = by_hand_command(name) if by_hand else adapter_command(name)
    protocol = capabilities_of(request.cls, request.config).protocol
    start = partial(serving, protocol, name, witness, command)
    found: list[Subject] = []
    with ExitStack() as stack:

        def get() -> Subject:
            if not (found and found[-1].is_alive()):
                try:
                    found.append(stack.enter_context(start()))
                except TimeoutError as error:
                    if not found:  # every other test would say the same
                        pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)
                    raise
            return found[-1]

        yield get


@pytest.fixture
def server(_shared: Callable[[], Subject], request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Return the running server that tests share. A test that ends it has found something."""
    subject = _shared()
    subject.patience = IMPATIENCE if _deviation(request.node) else PATIENCE
    yield subject
    if _leaves_traces(request.node) or (_deviation(request.node) and not _answers(subject)):
        subject.process.kill()  # what it is left with is not to be found by another test
        subject.process.wait()
    elif not subject.is_alive():
        pytest.fail(f'the server has ended:\n{subject.printed()}')
