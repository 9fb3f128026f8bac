"""The command: what it prints, writes, checks and refuses, whatever the target."""

from pathlib import Path

import pytest

from bottle.serving.cli import main
from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan, plan_options
from bottle_deploy.targets import KINDS, TARGETS

HOSTILE = ('a\nb', 'a\x00b', 'a\x7fb', 'a\u2028b', 'a\udc80b', 'a\ufffeb')
WRONG = {
    'app': ('x y', 'x;y', 'x:y:z', '-x', 'x:y()', '../x'),
    'server': ('a b', 'A', '-a', 'a;b', "a'b", 'a$b'),
    'name': ('a b', 'a/b', 'a.b', 'a{b', 'a--b', 64 * 'a'),
    'user': ('a b', 'a:b', '0', 'root;'),
    'instances': ('0', '-1', 'many'),
    'port': ('0', '65536', 'http'),
    'backend': (
        ['x'],
        ['x:0'],
        ['x:99999'],
        ['a b:80'],
        ['x:80/y'],
        ['unix:'],
        ['x;y:80'],
        ['a:1', 'a:1'],
        ['[::g]:1'],
    ),
    'sockets': ('/run/a,b', ''),
    'listen': ('80', 'x', ':0', 'a b:80', '*:80', 'x;:80', ':80;'),
    'host': (['a b'], ['a;b'], ['a{'], ['a..b'], ['-a'], ['a$b'], ['a/b'], [300 * 'a']),
    'static': (['/a'], ['a=b'], ['/=b'], ['/a b=c'], ['/a;=c'], ['/a/../b=c'], ['/a{=c'], ['/a"=c'], ["/a'=c"]),
    'health': ('healthz', '/a b', '/a?b', '/a;b', '/../a', '/a{', '/a$b', '/a"b', "/a'b", '/a#b', '/a%0a'),
    'timeout': ('0', 'inf', '-1', 'x'),
    'env': (['x'], ['1=2'], ['a b=c'], ['a-b=c']),
    'image': ('a b', 'A', 'a;b', 'a$b', 'a@b', '/a'),
    'max_instances': ('-1', 'x'),
}


def deploy(*arguments: str) -> int:
    return main(['deploy', *arguments])


@pytest.mark.parametrize('target', TARGETS)
def test_every_target_prints_and_writes_the_same(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(target, 'myapp:app') == 0
    printed = capsys.readouterr().out
    assert deploy(target, 'myapp:app', '--out', str(tmp_path)) == 0
    wanted = [
        name for name in TARGETS[target].files(make_plan({'app': 'myapp:app'})) if name not in TARGETS[target].trial
    ]
    assert all((tmp_path / name).read_text(encoding='utf-8') in printed for name in wanted)
    assert deploy(target, 'myapp:app', '--out', str(tmp_path)) == 1
    assert 'exists already' in capsys.readouterr().err


@pytest.mark.parametrize('target', TARGETS)
def test_files_are_written_where_their_program_is_missing(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setattr('bottle_deploy.checking.SYSTEM_FOLDERS', ())
    assert deploy(target, 'myapp:app', '--out', str(tmp_path)) == 0
    assert 'try it' not in capsys.readouterr().out


@pytest.mark.parametrize('target', TARGETS)
def test_no_file_is_another_one(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for trial in TARGETS[target].trial:
        code = deploy(target, 'myapp:app', '--name', Path(trial).stem, '--out', str(tmp_path))
        assert (code, list(tmp_path.iterdir())) == (1, [])
        assert 'give another --name' in capsys.readouterr().err


def test_every_target_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        deploy('--help')
    printed = capsys.readouterr().out
    assert all(f'  {each.name} ' in printed and each.help in printed for each in TARGETS.values())
    assert all(each.kind in KINDS for each in TARGETS.values())


@pytest.mark.parametrize('target', TARGETS)
def test_an_option_that_has_no_effect_is_refused(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    unused = [option for option in plan_options().values() if option.name not in {'app', *TARGETS[target].uses}]
    for option in unused:
        assert deploy(target, 'myapp:app', f'--{option.name.replace("_", "-")}', '1') == 1
        assert f'{target} has no use for --{option.name.replace("_", "-")}' in capsys.readouterr().err


@pytest.mark.parametrize(('option', 'value'), [(name, value) for name, values in WRONG.items() for value in values])
def test_values_that_mean_nothing_are_refused(option: str, value: str | list[str]) -> None:
    with pytest.raises(DeployError, match=r'takes|contradict'):
        make_plan({'app': 'myapp:app', option: value})


@pytest.mark.parametrize('name', [each.name for each in plan_options().values()])
@pytest.mark.parametrize('text', HOSTILE)
def test_no_value_leaves_its_line(name: str, text: str) -> None:
    given = f'/a={text}' if name == 'static' else f'a={text}' if name == 'env' else text
    with pytest.raises(DeployError, match='takes'):
        make_plan({'app': 'myapp:app', name: [given] if plan_options()[name].repeated else given})


@pytest.mark.parametrize(
    'given',
    [
        {'backend': ['a:1'], 'instances': '2'},
        {'backend': ['a:1'], 'port': '2'},
        {'sockets': '/run', 'port': '2'},
        {'keyfile': '/k'},
        {'env': ['A=1', 'A=2']},
        {'port': '65535', 'instances': '2'},
    ],
)
def test_contradictions_are_refused(given: dict[str, str | list[str]]) -> None:
    with pytest.raises(DeployError, match=r'contradict|needs|beyond'):
        make_plan({'app': 'myapp:app', **given})


def test_what_follows_from_a_plan(tmp_path: Path) -> None:
    plan = make_plan(
        {'app': 'shop.web', 'instances': '2', 'sockets': str(tmp_path), 'server': 'wsgiref', 'threads': '3'}
    )
    assert (plan.app, plan.name, plan.module, plan.callable) == ('shop.web:app', 'shop-web', 'shop.web', 'app')
    assert [each.address for each in plan.backends] == [f'{tmp_path}/shop-web-1.sock', f'{tmp_path}/shop-web-2.sock']
    [first, _] = plan.launches()
    assert first[1:] == [
        *('-m', 'bottle', 'shop.web:app', '--bind', f'unix:{tmp_path}/shop-web-1.sock', '--trusted-proxies', 'unix'),
        *('--health', '/healthz', '--threads', '3', '--socket-mode', '660'),
    ]
