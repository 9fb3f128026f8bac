"""The same application in each framework: what the benchmarks send requests to."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = 'Hello World!'
ROWS = [{'name': f'row {number}', 'count': number, 'note': '<b>'} for number in range(20)]
TEMPLATE = '<ul>\n% for row in rows:\n<li>{{row["name"]}}: {{row["count"]}}</li>\n% end\n</ul>'
HEADERS = [(f'X-Header-{number}', f'value {number}') for number in range(20)]

PATHS = {
    'static': '/hello',
    'one wildcard': '/hello/world',
    'three wildcards': '/a/1/b/2/c/3',
    'not found': '/nothing/here/at/all',
    'JSON': '/json',
    'template': '/template',
    '20 headers': '/headers',
}


def bottle() -> Any:
    """Return the application in whichever Bottle this interpreter has."""
    import bottle

    app = bottle.Bottle()
    template = bottle.SimpleTemplate(TEMPLATE)

    def headers() -> str:
        for name, value in HEADERS:
            bottle.response.set_header(name, value)
        return HELLO

    app.route('/hello')(lambda: HELLO)
    app.route('/hello/<name>')(lambda name: HELLO)
    app.route('/a/<x>/b/<y>/c/<z>')(lambda x, y, z: HELLO)
    app.route('/json')(lambda: {'message': HELLO})
    app.route('/template')(lambda: template.render(rows=ROWS))
    app.route('/headers')(headers)
    return app


def falcon() -> Any:
    """Return the application in Falcon, which has no templates."""
    import falcon

    class Resource:
        def __init__(self, answer: Callable[..., Any]) -> None:
            self.answer = answer

        def on_get(self, _request: Any, response: Any, **_: str) -> None:
            self.answer(response)

    def text(response: Any) -> None:
        response.text = HELLO

    def as_json(response: Any) -> None:
        response.content_type = falcon.MEDIA_JSON
        response.text = json.dumps({'message': HELLO})

    def headers(response: Any) -> None:
        for name, value in HEADERS:
            response.set_header(name, value)
        response.text = HELLO

    app = falcon.App(media_type=falcon.MEDIA_HTML)
    app.add_route('/hello', Resource(text))
    app.add_route('/hello/{name}', Resource(text))
    app.add_route('/a/{x}/b/{y}/c/{z}', Resource(text))
    app.add_route('/json', Resource(as_json))
    app.add_route('/headers', Resource(headers))
    return app


def wheezy() -> Any:
    """Return the application in wheezy.web with nothing but its routing."""
    from wheezy.http import HTTPResponse, WSGIApplication
    from wheezy.routing import url
    from wheezy.web.middleware import bootstrap_defaults, path_routing_middleware_factory

    def text(_request: Any) -> Any:
        response = HTTPResponse()
        response.write(HELLO)
        return response

    def as_json(_request: Any) -> Any:
        response = HTTPResponse('application/json; charset=UTF-8')
        response.write(json.dumps({'message': HELLO}))
        return response

    def headers(_request: Any) -> Any:
        response = text(_request)
        response.headers.extend(HEADERS)
        return response

    mapping = [
        url('hello', text),
        url('hello/{name}', text),
        url('a/{x}/b/{y}/c/{z}', text),
        url('json', as_json),
        url('headers', headers),
    ]
    return WSGIApplication([bootstrap_defaults(url_mapping=mapping), path_routing_middleware_factory], {})


def environ(path: str) -> dict[str, Any]:
    """Return the environ of a GET request as a browser behind a proxy would cause it."""
    return {
        'REQUEST_METHOD': 'GET',
        'SCRIPT_NAME': '',
        'PATH_INFO': path,
        'QUERY_STRING': '',
        'SERVER_NAME': 'localhost',
        'SERVER_PORT': '8080',
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'HTTP_HOST': 'localhost:8080',
        'HTTP_USER_AGENT': 'Mozilla/5.0',
        'HTTP_ACCEPT': '*/*',
        'HTTP_ACCEPT_ENCODING': 'gzip',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http',
        'wsgi.input': io.BytesIO(),
        'wsgi.errors': io.StringIO(),
        'wsgi.multithread': False,
        'wsgi.multiprocess': False,
        'wsgi.run_once': False,
    }


def call(app: Any, environ: dict[str, Any]) -> tuple[str, bytes]:
    """Send one request and return the status line and the body."""
    seen = []

    def start_response(status: str, _headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        seen.append(status)

    body = app(environ, start_response)
    whole = b''.join(body)
    if hasattr(body, 'close'):
        body.close()
    return seen[-1], whole
