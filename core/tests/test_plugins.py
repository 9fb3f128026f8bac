"""Plugins: the order of their application, skipping, removal; JSON for dicts, templates by configuration."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bottle import Bottle, HTTPResponse, JSONPlugin, Route, TemplatePlugin, response
from tests.support.wsgi import call


class Tag:
    """A plugin that surrounds the result with its name."""

    api = 2

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[str] = []

    def setup(self, app: Bottle) -> None:
        self.events.append('setup')

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        self.events.append(f'apply {route.rule}')
        return lambda *args, **kwargs: f'{self.name}({callback(*args, **kwargs)})'

    def close(self) -> None:
        self.events.append('close')


def decorator(callback: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: f'd({callback(*args, **kwargs)})'


def app_with(*plugins: Any, **options: Any) -> Bottle:
    app = Bottle()
    for plugin in plugins:
        app.install(plugin)
    app.route('/', callback=lambda: 'x', **options)
    return app


A, B = Tag('a'), Tag('b')


@pytest.mark.parametrize(
    ('installed', 'options', 'text'),
    [
        ([A, B], {}, 'a(b(x))'),
        ([A], {'apply': B}, 'a(b(x))'),
        ([A], {'apply': [B, decorator]}, 'a(b(d(x)))'),
        ([decorator], {}, 'd(x)'),
        ([A, B], {'skip': A}, 'b(x)'),
        ([A, B], {'skip': ['a', B]}, 'x'),
        ([A, B, decorator], {'skip': Tag}, 'd(x)'),
        ([A, B], {'skip': True, 'apply': decorator}, 'x'),
        ([A, Tag('a')], {}, 'a(x)'),
    ],
)
def test_order_and_skipping(installed: list[Any], options: dict[str, Any], text: str) -> None:
    assert call(app_with(*installed, **options)).text == text


def test_plugins_reach_routes_that_are_there_already_and_leave_them_again() -> None:
    app, plugin = app_with(), Tag('late')
    assert call(app).text == 'x'
    assert app.install(plugin) is plugin
    assert call(app).text == 'late(x)'
    assert app.uninstall('late') == [plugin]
    assert call(app).text == 'x'
    assert plugin.events == ['setup', 'apply /', 'close']


@pytest.mark.parametrize('wanted', [A, Tag, 'a'])
def test_uninstall_by_instance_class_or_name(wanted: Any) -> None:
    app = app_with(A)
    assert app.uninstall(wanted) == [A]
    assert app.uninstall(wanted) == []


def test_uninstall_all() -> None:
    app = app_with(A, B)
    assert [plugin.name for plugin in app.uninstall(True)] == ['b', 'a', 'template', 'json']
    assert app.plugins == []


def test_what_is_no_plugin_is_refused() -> None:
    with pytest.raises(TypeError, match='Plugins must be callable'):
        Bottle().install(object())


def test_wrapped_handlers_keep_their_name() -> None:
    app = Bottle()

    @app.get('/')
    def handler() -> dict[str, int]:
        """Say it."""
        return {}

    assert (app.routes[0].call.__name__, app.routes[0].call.__doc__) == ('handler', 'Say it.')


def test_close_reaches_every_plugin() -> None:
    plugin = Tag('x')
    app_with(plugin).close()
    assert plugin.events[-1] == 'close'


def test_reset_by_route_or_number() -> None:
    app = app_with(plugin := Tag('x'))
    for route in (app.routes[0], 0, None):
        call(app)
        app.reset(route)
    call(app)
    assert plugin.events.count('apply /') == 4


# JSON


def json_app(result: Any, **config: Any) -> Bottle:
    app = Bottle()
    app.config.update(config)
    app.route('/', callback=result if callable(result) else lambda: result)
    return app


def raise_response() -> None:
    raise HTTPResponse({'a': 1}, 202)


@pytest.mark.parametrize(
    ('result', 'status'), [({'a': 1}, 200), (HTTPResponse({'a': 1}, 201), 201), (raise_response, 202)]
)
def test_dicts_become_json(result: Any, status: int) -> None:
    answer = call(json_app(result))
    assert (answer.code, answer.header('Content-Type'), answer.text) == (status, 'application/json', '{"a": 1}')
    assert answer.header('Content-Length') == '8'


def test_empty_dict_is_json() -> None:
    assert call(json_app({})).text == '{}'


def test_what_json_cannot_hold_is_an_error_page() -> None:
    answer = call(json_app({'a': object()}))
    assert (answer.code, answer.header('Content-Type')) == (500, 'text/html; charset=UTF-8')


@pytest.mark.parametrize(
    ('config', 'text'),
    [
        ({}, '{"a": "\\u00e4"}'),
        ({'json.ascii': False}, '{"a": "ä"}'),
        ({'json.indent': True}, '{\n  "a": "\\u00e4"\n}'),
        ({'json.dump_func': lambda value: f'<{len(value)}>'}, '<1>'),
    ],
)
def test_json_options(config: dict[str, Any], text: str) -> None:
    answer = call(json_app({'a': 'ä'}, **config))
    assert (answer.text, answer.header('Content-Type')) == (text, 'application/json')


@pytest.mark.parametrize(
    'switch', [lambda app: app.uninstall('json'), lambda app: app.config.update({'json.enable': False})]
)
def test_json_can_be_switched_off(switch: Callable[[Bottle], Any]) -> None:
    app = json_app({'a': 1})
    switch(app)
    assert call(app).header('Content-Type') == 'text/html; charset=UTF-8'


def test_own_dumps() -> None:
    app = json_app({'a': 1})
    app.uninstall('json')
    app.install(JSONPlugin(json_dumps=lambda value: json.dumps(value, separators=(',', ':'))))
    assert call(app).text == '{"a":1}'
    assert JSONPlugin(None).apply(str, app.routes[0]) is str


# Templates


@pytest.mark.parametrize(
    ('template', 'text'),
    [('{{name}}!', 'joe!'), (('{{name}}{{sign}}', {'sign': '?'}), 'joe?'), (None, '{"name": "joe"}')],
)
def test_template_by_configuration(template: Any, text: str) -> None:
    app = Bottle()
    app.route('/', callback=lambda: {'name': 'joe'}, template=template)
    assert call(app).text == text


def test_template_plugin_is_installed() -> None:
    assert [type(plugin) for plugin in Bottle().plugins] == [JSONPlugin, TemplatePlugin]


def test_plugin_sees_the_configuration_of_its_route() -> None:
    class Header:
        name = 'header'
        api = 2

        def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
            value = route.config.get('header.value', 'none')

            def wrapper(*args: Any, **kwargs: Any) -> Any:
                response.set_header('X-Value', value)
                return callback(*args, **kwargs)

            return wrapper

    app = Bottle()
    app.install(Header())
    app.route('/a', callback=lambda: 'x', header={'value': 'route'})
    app.route('/b', callback=lambda: 'x')
    app.config['header.value'] = 'app'
    assert [call(app, path).header('X-Value') for path in ('/a', '/b')] == ['route', 'app']
