"""What users name their folders and put into the environment, in the files of applications inside a web server."""

import ast
import stat
import sys

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.hosting import start_apache, start_lighttpd
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.sites import Start, public_folder, site
from tests.support.client import fetch
from tests.support.processes import attempt
from tests.support.requirements import require_program

HOSTILE = (
    *('a b', ' a', 'a ', 'a"b', "a'b", 'a\\b', 'a\\"b', 'a\\\\"b', 'a\\', 'a$b', '$(a)', '`a`', 'a%b', 'a%{b}', 'a#b'),
    *('a;b', 'a{b}', 'a<b>', 'a&b|c', 'a=b', '~a', '-a', '(a', 'a)', 'a,b', '!a', 'ä 日', '"""', '{{a}}', '%a', '\\n'),
)
SCRIPTS = {'mod_wsgi': 'app.wsgi', 'cgi': 'board.cgi'}
OUTSIDE_OF_CGI = "the server 'cgi' answers CGI requests alone"


def made(target: str, **given: str | list[str]) -> dict[str, str]:
    """Return the files of a target."""
    return dict(
        TARGETS[target].files(make_plan({'app': 'app:app', 'name': 'board', 'python': '/p/bin/python', **given}))
    )


def assigned(source: str) -> dict[str, object]:
    """Return what a module assigns, by the text of its left-hand side; calls and imports are left out."""
    found = [each for each in ast.parse(source).body if isinstance(each, ast.Assign)]
    return {
        ast.unparse(each.targets[0]): ast.literal_eval(each.value)
        for each in found
        if isinstance(each.value, ast.Constant)
    }


@pytest.mark.parametrize('target', SCRIPTS)
@pytest.mark.parametrize('text', HOSTILE)
def test_python_reads_what_was_given(target: str, text: str) -> None:
    plain = made(target, directory='/srv', env=['A=b'])[SCRIPTS[target]]
    source = made(target, directory=f'/srv/{text}', env=[f'A={text}'])[SCRIPTS[target]]
    assert assigned(source) == {'FOLDER': f'/srv/{text}', "os.environ['A']": text}
    assert [type(each) for each in ast.parse(source).body] == [type(each) for each in ast.parse(plain).body]


@pytest.mark.parametrize('name', ["a'b", 'a"b', 'a\\b', 'a$b', 'a;b', '`a`', '#a', 'ä', '-a'])
def test_the_system_runs_the_interpreter_that_was_given(name: str) -> None:
    with public_folder() as folder:
        (folder / name).symlink_to(sys.prefix)
        script = folder / 'board.cgi'
        script.write_text(made('cgi', python=f'{folder}/{name}/bin/python', directory=str(folder))[script.name])
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        (folder / 'app.py').write_text('from bottle import Bottle\napp = Bottle()\n')
        assert OUTSIDE_OF_CGI in attempt([str(script)], folder).stderr


@pytest.mark.parametrize('python', ['/a b/python', '/a/python -E', f'/{122 * "a"}/x', f'/{41 * "日"}/x'])
def test_an_interpreter_that_a_script_cannot_name_is_refused(python: str) -> None:
    with pytest.raises(DeployError, match='make a link'):
        made('cgi', python=python)


@pytest.mark.parametrize(('program', 'start'), [('apache2', start_apache), ('lighttpd', start_lighttpd)])
def test_web_servers_read_what_was_given(program: str, start: Start) -> None:
    require_program(program)
    with public_folder() as folder:
        for name in HOSTILE:
            (folder / 'files' / name).mkdir(parents=True)
            (folder / 'files' / name / 'name').write_text(name)
        static = [f'/{number}={folder}/files/{name}' for number, name in enumerate(HOSTILE)]
        given = {'app': 'app:app', 'name': 'board', 'directory': str(folder), 'static': static}
        given |= {'python': '/usr/bin/python3'}
        with site('cgi', folder, given, start) as running:
            answers = [fetch(running.url, f'/{number}/name').body.decode() for number in range(len(HOSTILE))]
    assert answers == list(HOSTILE)


@pytest.mark.parametrize('target', SCRIPTS)
@pytest.mark.parametrize('option', ['directory', 'static', 'certfile'])
def test_what_apache_takes_for_a_variable_is_refused(target: str, option: str) -> None:
    text = '/srv/${PATH}'
    with pytest.raises(DeployError, match=r'Apache cannot have \$\{ in .*: rename it'):
        made(target, **{option: [f'/a={text}'] if option == 'static' else text})


@pytest.mark.parametrize('target', SCRIPTS)
@pytest.mark.parametrize('option', ['directory', 'static'])
@pytest.mark.parametrize('text', ['/srv/*', '/srv/a?', '/srv/[a]'])
def test_what_apache_takes_for_a_pattern_is_refused(target: str, option: str, text: str) -> None:
    with pytest.raises(DeployError, match=r'Apache would take .* for a pattern: rename it'):
        made(target, **{option: [f'/a={text}'] if option == 'static' else text})


def test_what_lighttpd_cannot_say_is_refused() -> None:
    with pytest.raises(DeployError, match=r'lighttpd cannot have a backslash at the end of .*: rename it'):
        made('cgi', certfile='/srv/a\\')
