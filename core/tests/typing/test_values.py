"""What type checkers see of requests and responses. Checked by mypy; that it runs, too, is a bonus."""

from datetime import datetime
from typing import Any, assert_type
from urllib.parse import SplitResult

import bottle
from bottle import (
    AppStack,
    Bottle,
    ConfigDict,
    FormsDict,
    HeaderDict,
    HTTPResponse,
    Request,
    Response,
    WSGIHeaderDict,
    abort,
    redirect,
    request,
    response,
    static_file,
    template,
)


def of_requests(one: Request) -> None:
    assert_type(one.forms, FormsDict)
    assert_type(one.query, FormsDict)
    assert_type(one.params, FormsDict)
    assert_type(one.files, FormsDict)
    assert_type(one.cookies, FormsDict)
    assert_type(one.POST, FormsDict)
    assert_type(one.headers, WSGIHeaderDict)
    assert_type(one.url, str)
    assert_type(one.urlparts, SplitResult)
    assert_type(one.method, str)
    assert_type(one.path, str)
    assert_type(one.content_length, int)
    assert_type(one.auth, tuple[str, str | None] | None)
    assert_type(one.remote_addr, str | None)
    assert_type(one.remote_route, list[str])
    assert_type(one.is_xhr, bool)
    assert_type(one.environ, dict[str, Any])


def of_responses(one: Response) -> None:
    assert_type(one.status_code, int)
    assert_type(one.status_line, str)
    assert_type(one.headers, HeaderDict)
    assert_type(one['X-Name'], str)
    assert_type(one.headerlist, list[tuple[str, str]])
    assert_type(one.charset, str)
    one.status = 404
    one.status = '404 Nothing Here'
    one.content_type = 'text/plain'
    one.content_length = 5
    one.expires = datetime.now()  # noqa: DTZ005  # any moment will do
    one.set_cookie('name', 'value', secret='s', path='/', max_age=5)


def of_functions() -> None:
    assert_type(static_file('name', '.'), HTTPResponse)
    assert_type(template('{{x}}', x=1), str)
    assert_type(bottle.app, AppStack)
    assert_type(bottle.app(), Bottle)
    assert_type(bottle.app().config, ConfigDict)
    assert_type(bottle.app().get_url('name', x=1), str)


def never_returns(number: int) -> str:
    if number:
        abort(404)
    else:
        redirect('/')


def wrong(one: Response) -> None:
    """What a type checker refuses: each line needs its suppression, or mypy fails."""
    one.set_cookie('name', 5)  # type: ignore[arg-type]  # a cookie holds text
    one.status_code = 5  # type: ignore[misc]  # is set through `status`
    request.url = 'x'  # type: ignore[misc]  # cannot be set
    never_returns('1')  # type: ignore[arg-type]  # a number is wanted


def test_requests_and_responses() -> None:
    of_requests(Request({'wsgi.input': None}))
    one = Response(headers={'X-Name': 'value'})
    of_responses(one)
    of_functions_need_routes = bottle.app()
    of_functions_need_routes.route('/<x>', callback=lambda x: x, name='name')
    of_functions()
    assert isinstance(request, Request)
    assert isinstance(response, Response)
