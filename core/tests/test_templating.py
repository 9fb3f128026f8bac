"""Template objects, their look-up and cache, `template` and `view`, and the adapters for other engines."""

from __future__ import annotations

import io
import platform
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bottle import engines
from bottle._util import settings
from bottle.datastructures import FormsDict
from bottle.errors import StplSyntaxError, TemplateError
from bottle.templating import TEMPLATE_PATH, TEMPLATES, BaseTemplate, SimpleTemplate, template, view
from tests.support.requirements import require_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = {
    'views/hello.tpl': 'Hello {{name}}!',
    'views/page.html': 'page',
    'views/sub/deep.stpl': 'deep',
    'views/layout.tpl': '<{{title}}>{{!base}}</{{get("footer", "none")}}>',
    'views/content.tpl': '% rebase("layout", title="T")\n% footer = "f"\ncontent of {{x}}',
    'views/part.tpl': '[{{x}}{{get("y")}}]\\\\\n% z = "part"\n',
    'views/functions.tpl': '% def bold(text):\n<b>{{text}}</b>\\\\\n%\n% end\n',
    'views/broken.tpl': 'line 1\n% if x y:\n',
    'other/hello.tpl': 'other',
    'secret.tpl': 'secret',
}


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    TEMPLATES.clear()
    BaseTemplate.defaults.clear()


@pytest.fixture
def views(tmp_path: Path) -> str:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, 'utf-8')
    return str(tmp_path / 'views')


# Look-up


@pytest.mark.parametrize(
    ('name', 'found'),
    [
        ('hello', 'hello.tpl'),
        ('hello.tpl', 'hello.tpl'),
        ('page', 'page.html'),
        ('sub/deep', 'sub/deep.stpl'),
        ('sub/../hello', 'hello.tpl'),
        ('../views/hello', 'hello.tpl'),
        ('missing', None),
        ('sub', None),
        ('', None),
        ('../secret', None),
        ('../secret.tpl', None),
        ('sub/../../secret.tpl', None),
        ('hello\0', None),
    ],
)
def test_search_stays_in_the_folder(views: str, name: str, found: str | None) -> None:
    assert SimpleTemplate.search(name, [views]) == (found and f'{views}/{found}')


def test_search_takes_the_first_folder(views: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(views).parent)
    assert SimpleTemplate.search('hello', ['./other/', 'views']) == f'{Path.cwd()}/other/hello.tpl'
    assert SimpleTemplate.search('page', ['./other/', 'views']) == f'{views}/page.html'


@pytest.mark.parametrize('folder', ['', '/'])
def test_absolute_names_and_empty_look_ups_are_refused(views: str, folder: str) -> None:
    with pytest.raises(TemplateError, match='absolute'):
        SimpleTemplate.search(f'{views}/hello.tpl', [folder or views])
    with pytest.raises(TemplateError, match='empty'):
        SimpleTemplate.search('hello', [])
    with pytest.raises(TemplateError, match='empty'):
        SimpleTemplate.search('hello')


def test_a_file_system_root_can_be_a_folder(views: str) -> None:
    assert SimpleTemplate.search(f'{views}/hello'.lstrip('/'), ['/']) == f'{views}/hello.tpl'


# Template objects


@pytest.mark.parametrize(
    'make',
    [
        lambda views: SimpleTemplate('Hello {{name}}!'),
        lambda views: SimpleTemplate(b'Hello {{name}}!'),
        lambda views: SimpleTemplate(io.StringIO('Hello {{name}}!')),
        lambda views: SimpleTemplate(io.BytesIO(b'Hello {{name}}!')),
        lambda views: SimpleTemplate(name='hello', lookup=[views]),
        lambda views: SimpleTemplate('Hello {{name}}!', name='ignored', lookup=[views]),
    ],
)
def test_sources(views: str, make: Callable[[str], SimpleTemplate]) -> None:
    made = make(views)
    assert made.render(name='wörld') == 'Hello wörld!'
    assert made.render({'name': 'a'}, {'name': 'b'}) == 'Hello b!'
    assert made.render({'name': 'a'}, name='c') == 'Hello c!'


@pytest.mark.parametrize('arguments', [{}, {'source': ''}, {'name': ''}, {'name': 'missing', 'lookup': ['.']}])
def test_without_a_source(arguments: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match=r'not found|No template'):
        SimpleTemplate(**arguments)


def test_encoding(tmp_path: Path) -> None:
    (tmp_path / 'x.tpl').write_bytes('ä{{x}}'.encode('latin1'))
    latin1 = SimpleTemplate(name='x', lookup=[str(tmp_path)], encoding='latin1')
    assert latin1.render(x=b'\xe4') == 'ää'
    with pytest.raises(TemplateError, match="'x' is not valid utf8"):
        SimpleTemplate(name='x', lookup=[str(tmp_path)]).render()


def test_errors_name_the_file(views: str) -> None:
    with pytest.raises(StplSyntaxError) as caught:
        SimpleTemplate(name='broken', lookup=[views]).render()
    assert isinstance(caught.value, SyntaxError)
    assert (caught.value.filename, caught.value.lineno) == (f'{views}/broken.tpl', 2)


def test_escaping_settings() -> None:
    source = '{{x}}{{!x}}'
    assert SimpleTemplate(source, noescape=True).render(x='<') == '<&lt;'
    assert SimpleTemplate(source, escape_func=str.upper).render(x='a') == 'Aa'
    assert SimpleTemplate(source, escape_func=str.upper).render(x=None) == ''
    assert SimpleTemplate(source, unknown_setting=1).render(x=7) == '77'


def test_global_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleTemplate, 'settings', {})
    assert SimpleTemplate.global_config('noescape', True) is None
    assert SimpleTemplate.global_config('noescape') is True
    assert SimpleTemplate('{{x}}').render(x='<') == '<'
    assert SimpleTemplate('{{x}}', noescape=False).render(x='<') == '&lt;'
    assert 'noescape' not in BaseTemplate.settings
    with pytest.raises(KeyError):
        SimpleTemplate.global_config('unset')


def test_defaults_are_the_last_resort() -> None:
    BaseTemplate.defaults.update(x=1, y=1)
    assert SimpleTemplate('{{x}}{{y}}').render(y=2) == '12'
    assert template('{{x}}{{y}}', {'x': 3}, y=4) == '34'


def test_base_class_renders_nothing() -> None:
    with pytest.raises(NotImplementedError):
        BaseTemplate('x')
    with pytest.raises(NotImplementedError):
        BaseTemplate.render(SimpleTemplate('x'))


def test_rendering_leaves_no_state_behind() -> None:
    made = SimpleTemplate('{{defined("y")}}\n% y = x\n{{y}}')
    assert [made.render(x=1), made.render(x=2)] == ['False\n1', 'False\n2']


def test_execute_returns_the_name_space() -> None:
    stdout = ['before ']
    env = SimpleTemplate('{{x}}\\\\\n% y = 2\n').execute(stdout, {'x': 1})
    assert (''.join(stdout), env['x'], env['y']) == ('before 1', 1, 2)


def test_threads_render_the_same_template() -> None:
    made = SimpleTemplate('% for i in range(50):\n{{x}}\\\\\n% end\n')
    results: dict[int, str] = {}
    threads = [threading.Thread(target=lambda x=x: results.update({x: made.render(x=x)})) for x in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {x: str(x) * 50 for x in range(8)}


# include and rebase


@pytest.mark.parametrize(
    ('source', 'expected'),
    [
        ('a % include\n% include("part")\nb', 'a % include\n[1]b'),
        ('% include("part", y=2, x=3)\n{{x}}', '[32]1'),
        ('% e = include("part")\n{{e["z"]}}{{defined("z")}}', '[1]partFalse'),
        ('% include("part.tpl"); include("part")\n', '[1][1]'),
        ('% f = include("functions")\n% f["bold"]("<")\n', '<b>&lt;</b>'),
        ('% include("content")\n!', '<T>content of 1</f>!'),
        ('pre\n% include("content")\n', 'pre\n<T>content of 1</f>'),
        ('% rebase("layout", title="A", base="overridden")\n% include("part")\nx', '<A>[1]x</none>'),
        ('% rebase("layout")\n% title = x\n', '<1></none>'),
        ('% rebase("content")\n', '<T>content of 1</f>'),
    ],
)
def test_include_and_rebase(views: str, source: str, expected: str) -> None:
    made = SimpleTemplate(source, lookup=[views])
    assert [made.render(x=1), made.render(x=1)] == [expected, expected]


@pytest.mark.parametrize('name', ['"missing"', '"../secret"', '', 'name="part"'])
@pytest.mark.parametrize('function', ['include', 'rebase'])
def test_include_of_what_is_not_there(views: str, name: str, function: str) -> None:
    with pytest.raises(TemplateError, match=r'not found|No template'):
        SimpleTemplate(f'% {function}({name})', lookup=[views]).render(x=1)


def test_included_templates_have_the_settings_of_their_parent(tmp_path: Path) -> None:
    (tmp_path / 'inner.tpl').write_text('[[x]]{{x}}')
    outer = SimpleTemplate(
        '[[x]]@\n@ include("inner")\n', lookup=[str(tmp_path)], syntax='<% %> @ [[ ]]', escape_func=str.upper
    )
    assert outer.render(x='a') == 'A@\nA{{x}}'


def test_included_templates_are_made_once(views: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SimpleTemplate] = []
    prepare = SimpleTemplate.prepare

    def counting(self: SimpleTemplate, **options: Any) -> None:
        made.append(self)
        prepare(self, **options)

    monkeypatch.setattr(SimpleTemplate, 'prepare', counting)
    page = SimpleTemplate('% include("part")\n% include("content")\n', lookup=[views])
    assert page.render(x=1) == page.render(x=1)
    assert [each.name for each in made] == [None, 'part', 'content', 'layout']


# The function template


@pytest.mark.parametrize('source', ['{{x}}\n', '1\n', '% print\n', '$', '{', 'a%'])
def test_sources_are_recognised(source: str) -> None:
    assert template(source, x=1) == SimpleTemplate(source).render(x=1)


def test_template_by_name(views: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert template('hello', name='x', template_lookup=[views]) == 'Hello x!'
    monkeypatch.chdir(Path(views).parent)
    assert template('hello', {'name': 'a'}, {'name': 'b'}, name='c') == 'Hello b!'
    monkeypatch.setattr('bottle.templating.TEMPLATE_PATH', ['./other/', *TEMPLATE_PATH])
    assert template('hello') == 'other'


@pytest.mark.parametrize('arguments', [('missing',), ('hello world',), ('',), (None,), ()])
def test_template_that_is_missing(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TemplateError, match=r'not found|No template'):
        template(*arguments)


def test_template_takes_template_objects() -> None:
    made = SimpleTemplate('{{x}}')
    assert template(made, x='<') == '&lt;'
    assert template(made, x='<', template_settings={'noescape': True}) == '<'


def test_templates_are_kept_apart_by_engine_folders_and_settings(views: str) -> None:
    class Loud(SimpleTemplate):
        def render(self, /, *args: Any, **kwargs: Any) -> str:
            return super().render(*args, **kwargs).upper()

    other = str(Path(views).parent / 'other')
    assert template('hello', name='x', template_lookup=[views]) == 'Hello x!'
    assert template('hello', name='x', template_lookup=[other]) == 'other'
    assert template('hello', name='x', template_lookup=[views], template_adapter=Loud) == 'HELLO X!'
    for noescape, expected in ((True, '<'), (False, '&lt;'), (True, '<')):
        assert template('{{x}}', x='<', template_settings={'noescape': noescape, 'other': {'a': [1]}}) == expected


def test_templates_are_cached_unless_in_debug_mode(views: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def render() -> str:
        return template('page', template_lookup=[views])

    assert render() == 'page'
    Path(views, 'page.html').write_text('new', 'utf-8')
    assert render() == 'page'
    monkeypatch.setattr(settings, 'debug', True)
    assert render() == 'new'
    monkeypatch.setattr(settings, 'debug', False)
    assert render() == 'new'
    assert len(TEMPLATES) == 1


# The decorator view


@pytest.mark.parametrize(
    ('result', 'expected'),
    [
        ({'x': 1}, '1d'),
        ({'y': 2, 'x': 1}, '12'),
        (FormsDict(x='é'), 'éd'),
        (None, 'nod'),
        ('text', 'text'),
        ([1], [1]),
        (b'', b''),
    ],
)
def test_view(result: Any, expected: Any) -> None:
    @view('{{get("x", "no")}}{{y}}', y='d')
    def callback(first: int, *, second: str = '') -> Any:
        """What it does."""
        return result

    assert callback(1, second='x') == expected
    assert (callback.__name__, callback.__doc__) == ('callback', 'What it does.')


def test_view_takes_the_special_names(views: str) -> None:
    @view('hello', template_lookup=[views], template_settings={'noescape': True})
    def callback() -> dict[str, str]:
        return {'name': '<'}

    assert callback() == 'Hello <!'


# Other engines


@pytest.mark.parametrize(
    ('function', 'module'), [('mako_template', 'mako'), ('cheetah_template', 'Cheetah'), ('jinja2_template', 'jinja2')]
)
def test_an_engine_that_is_not_installed(function: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (module, f'{module}.lookup', f'{module}.Template'):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install \w+'):
        getattr(engines, function)('$x', x=1)


def test_an_engine_that_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'jinja2.py').write_text('import there_is_no_such_module')
    monkeypatch.delitem(sys.modules, 'jinja2', raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="No module named 'there_is_no_such_module'"):
        engines.jinja2_template('$x', x=1)


@pytest.fixture
def engine_views(tmp_path: Path) -> str:
    files = {
        'base.html': '<{% block content %}{% endblock %}>',
        'jinja.html': '{% extends "base" %}{% block content %}{{ x }}ä{% endblock %}',
        'mako.tpl': '<%include file="part.txt"/>${x}ä',
        'cheetah.tpl': '#encoding utf-8\n$x#for $i in [1, 2]#$i#end for#',
        'part.txt': 'part ',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, 'utf-8')
    return str(tmp_path)


def test_jinja2(engine_views: str) -> None:
    require_module('jinja2')
    assert engines.jinja2_template('{{ x }}\n{# #}.', x='<ä>') == '<ä>\n.'
    assert engines.jinja2_template('jinja', x=1, template_lookup=[engine_views]) == '<1ä>'
    options = {'filters': {'twice': lambda x: x * 2}, 'tests': {'one': lambda x: x == 1}, 'globals': {'g': 5}}
    source = '{{ x|twice }}{{ x is one }}{{ g }}'
    assert engines.jinja2_template(source, x=1, template_settings=options) == '2True5'
    assert engines.jinja2_template('{{ x }}', x='<', template_settings={'autoescape': True}) == '&lt;'
    with pytest.raises(TemplateError):
        engines.jinja2_template('missing', template_lookup=[engine_views])


def test_mako(engine_views: str) -> None:
    require_module('mako')
    BaseTemplate.defaults['y'] = 'default'
    assert engines.mako_template('${x} ${y}', x='<ä>') == '<ä> default'
    assert engines.mako_template('mako', x=1, template_lookup=[engine_views]) == 'part 1ä'
    assert engines.mako_template('${x}', x='<', template_settings={'default_filters': ['h']}) == '&lt;'


@pytest.mark.filterwarnings('ignore')  # Cheetah has warnings of its own
def test_cheetah(engine_views: str) -> None:
    if platform.machine() != 'x86_64':
        pytest.importorskip('Cheetah')  # its wheels are for one machine alone
    require_module('Cheetah')
    assert engines.cheetah_template('$x #if $y#y#end if#', {'x': 'a'}, y=1) == 'a y'
    assert engines.cheetah_template('cheetah', x='a', template_lookup=[engine_views]) == 'a12'


def test_engine_views(engine_views: str) -> None:
    require_module('jinja2')

    @engines.jinja2_view('jinja', template_lookup=[engine_views])
    def callback() -> dict[str, int]:
        return {'x': 1}

    assert callback() == '<1ä>'
