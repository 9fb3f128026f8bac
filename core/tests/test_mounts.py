"""Applications below a path of another one: Bottle applications, any WSGI application, merged routes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bottle import Bottle, HTTPResponse, request, response
from tests.support.wsgi import call, make_environ, send

Start = Callable[..., Callable[[bytes], object]]


def where() -> str:
    return f'{request.script_name} {request.path} {request.environ["bottle.app"].config["name"]}'


def pair(prefix: str = '/child/', **options: Any) -> tuple[Bottle, Bottle]:
    parent, child = Bottle(), Bottle()
    parent.config['name'], child.config['name'] = 'parent', 'child'
    child.route('/', callback=where)
    child.route('/<x>', name='x', callback=lambda x: f'{x} {where()}')
    child.error(404, lambda _error: 'child 404')
    parent.error(404, lambda _error: 'parent 404')
    parent.mount(prefix, child, **options)
    return parent, child


def test_routes_of_a_bottle_application_are_added() -> None:
    parent, child = pair()
    assert [(route.rule, route.app) for route in parent.routes] == [('/child/', child), ('/child/<x>', child)]
    assert call(parent, '/child/').text == '/ /child/ parent'
    assert call(parent, '/child/5').text == '5 / /child/5 parent'
    assert [call(parent, path).text for path in ('/child', '/child/5/6')] == ['parent 404', 'parent 404']
    assert parent.get_url('x', x=5) == '/child/5'


def test_plugins_of_the_child_apply_to_its_routes_only() -> None:
    parent, child = pair()
    parent.route('/own', callback=lambda: 'own')
    child.install(lambda callback: lambda **args: f'plugin {callback(**args)}')
    assert call(parent, '/child/').text == 'plugin / /child/ parent'
    assert call(parent, '/own').text == 'own'


@pytest.mark.parametrize(
    ('prefix', 'options', 'warns'), [('/child', {}, 'prefix of mount'), ('/child/', {'skip': None}, 'with options')]
)
def test_bottle_application_as_any_other(prefix: str, options: dict[str, Any], warns: str) -> None:
    with pytest.warns(DeprecationWarning, match=warns):
        parent, _ = pair(prefix, **options)
    after = []
    parent.add_hook('after_request', lambda: after.append((where(), 'bottle.route' in request.environ)))
    assert call(parent, '/child/5').text == '5 /child/ /5 child'
    assert call(parent, '/child/5/6').text == 'child 404'
    assert after == [('/ /child/5 parent', True), ('/ /child/5/6 parent', True)]
    assert call(parent, '/child').text == ('/child/ / child' if prefix == '/child' else 'parent 404')


def test_mounting_twice() -> None:
    parent, child = pair()
    with pytest.warns(DeprecationWarning, match='twice'):
        parent.mount('/again/', child)
    assert call(parent, '/again/5').text == '5 /again/ /5 child'


def simple(environ: dict[str, Any], start_response: Start) -> list[bytes]:
    start_response('201 Very good', [('X-A', '1'), ('X-A', '2'), ('Content-Type', 'text/x'), ('Set-Cookie', 'a=b')])
    return [environ['SCRIPT_NAME'].encode('latin-1'), b' ', environ['PATH_INFO'].encode('latin-1')]


def generator(environ: dict[str, Any], start_response: Start) -> Iterator[bytes]:
    yield from simple(environ, start_response)


def writing(environ: dict[str, Any], start_response: Start) -> list[bytes]:
    write = start_response(
        '201 Very good', [('X-A', '1'), ('X-A', '2'), ('Content-Type', 'text/x'), ('Set-Cookie', 'a=b')]
    )
    write(environ['SCRIPT_NAME'].encode('latin-1') + b' ')
    return [environ['PATH_INFO'].encode('latin-1')]


@pytest.mark.parametrize('wsgi', [simple, generator, writing])
@pytest.mark.parametrize(
    ('prefix', 'path', 'text'),
    [
        ('/w/', '/w/', '/w /'),
        ('/w/', '/w/a/', '/w /a/'),
        ('/w', '/w', '/w /'),
        ('/v/w/', '/v/w/a/b', '/v/w /a/b'),
        ('/ü/', '/ü/ä', '/ü /ä'),
    ],
)
def test_wsgi_applications(wsgi: Any, prefix: str, path: str, text: str) -> None:
    app = Bottle()
    app.mount(prefix, wsgi)
    answer = call(app, path)
    assert (answer.status, answer.text) == ('201 Very good', text)
    assert [value for name, value in answer.headers if name == 'X-A'] == ['1', '2']
    assert (answer.header('Content-Type'), answer.header('Set-Cookie')) == ('text/x', 'a=b')


@pytest.mark.parametrize('method', ['GET', 'POST', 'BREW'])
def test_all_methods_reach_a_wsgi_application(method: str) -> None:
    app = Bottle()
    app.mount('/w/', simple)
    assert send(app, make_environ('/w/x', method)).code == 201


@pytest.mark.parametrize(('prefix', 'app'), [('w/', simple), ('w/', Bottle()), ('/', simple), ('', simple)])
def test_bad_prefixes(prefix: str, app: Any) -> None:
    with pytest.raises(ValueError, match=r'refix must start|cannot be mounted'):
        Bottle().mount(prefix, app)


def test_mounted_body_is_closed_once() -> None:
    closed = []

    class Body(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def wsgi(_environ: dict[str, Any], start_response: Start) -> Any:
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return iter_body(Body([b'x']))

    def iter_body(body: Body) -> Any:
        class Iterable:
            close = body.close

            def __iter__(self) -> Iterator[bytes]:
                return iter(body)

        return Iterable()

    app = Bottle()
    app.mount('/w/', wsgi)
    assert call(app, '/w/').text == 'x'
    assert closed == [True]


@pytest.mark.parametrize('catchall', [True, False])
def test_errors_of_a_mounted_application_are_the_parents(catchall: bool) -> None:
    def broken(_environ: dict[str, Any], _start_response: Start) -> list[bytes]:
        raise ValueError('broken')

    app = Bottle(catchall=catchall)
    app.mount('/w/', broken)
    if catchall:
        answer = call(app, '/w/')
        assert answer.code == 500
        assert 'ValueError: broken' in answer.errors
    else:
        with pytest.raises(ValueError, match='broken'):
            send(app, make_environ('/w/'))


def test_exception_in_a_mounted_bottle_reaches_the_error_handler_of_the_parent() -> None:
    parent, child = Bottle(), Bottle()
    child.route('/', callback=lambda: 1 / 0)
    parent.error(500, lambda error: f'parent: {error.exception!r}')
    with pytest.warns(DeprecationWarning, match='prefix of mount'):
        parent.mount('/child', child)
    assert call(parent, '/child/').text.startswith('parent: ZeroDivisionError')


def test_response_of_the_parent_is_its_own_again() -> None:
    parent, child = Bottle(), Bottle()
    child.route('/', callback=lambda: HTTPResponse('x', 201, X_Child='1'))
    with pytest.warns(DeprecationWarning, match='prefix of mount'):
        parent.mount('/child', child)
    parent.add_hook('after_request', lambda: response.set_header('X-Parent', request.path))
    answer = call(parent, '/child/')
    assert (answer.code, answer.header('X-Child'), answer.header('X-Parent')) == (201, '1', '/child/')


def test_mountpoint_is_in_the_configuration() -> None:
    app = Bottle()
    app.mount('/w/', simple, skip=['json'], name='w')
    [route] = app.routes
    assert (route.config['mountpoint.prefix'], route.config['mountpoint.target']) == ('/w/', simple)
    assert (route.method, route.name, route.skiplist) == ('PROXY', 'w', ['json'])
    assert repr(route).endswith(':simple>')


def test_merge() -> None:
    one, two = Bottle(), Bottle()
    two.route('/two', callback=lambda: 'two')
    one.merge(two)
    one.merge(two.routes)
    assert call(one, '/two').text == 'two'
    assert one.routes == two.routes * 2
    assert one.routes[0].app is two
