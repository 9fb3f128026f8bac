"""Importing the application: what is served, and where the error is said to be."""

from pathlib import Path

import pytest

from bottle import Bottle
from bottle.errors import ApplicationError, ServerOptionError
from bottle.serving.loading import load_application, prepared


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ('source', 'target', 'said'),
    [
        (None, ':app', r'ValueError: Empty module name \(give MODULE:NAME\)'),
        (None, 'absent_here:app', r"No module named 'absent_here' \(check the spelling, and that it is in the current"),
        ('', 'named_one:app', r"has no attribute 'app' \(check the spelling of what stands behind the colon\)"),
        ('None.app', 'named_two:app', r"'NoneType' object has no attribute 'app' \(.*named_two\.py:1\)"),
        ('import absent_there', 'named_three:app', r"No module named 'absent_there' \(.*named_three\.py:1\)"),
        ('a = 1\nb = (', 'named_four:app', r'SyntaxError: .* \(.*named_four\.py:2\)'),
    ],
)
def test_the_place_of_the_error(folder: Path, source: str | None, target: str, said: str) -> None:
    if source is not None:
        (folder / f'{target.partition(":")[0]}.py').write_text(source)
    with pytest.raises(ApplicationError, match=said) as caught:
        load_application(target)
    assert '\n' not in str(caught.value)


def test_an_application_with_plugins_and_configuration() -> None:
    app = Bottle()
    seen: list[object] = []

    class Plugin:
        name, api = 'plugin', 2

        def setup(self, application: object) -> None:
            seen.append(application)

        def apply(self, callback: object, route: object) -> object:
            return callback

    assert prepared(app, [Plugin()], {'a.b': '1'}) is app
    assert (seen, app.config['a.b']) == ([app], '1')


def test_a_plugin_that_is_not_there() -> None:
    with pytest.raises(ApplicationError, match=r"the plugin 'absent_here:plugin' cannot be imported"):
        prepared(Bottle(), ['absent_here:plugin'], None)


def test_plain_wsgi_takes_neither() -> None:
    def plain(environ: object, start_response: object) -> list[bytes]:
        return []

    assert prepared(plain, None, None) is plain
    with pytest.raises(ServerOptionError, match='need a Bottle application'):
        prepared(plain, None, {'a': 1})
