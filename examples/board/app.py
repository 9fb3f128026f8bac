"""A message board: pages, uploads, a JSON API, a streamed export. `python -m bottle app:app` serves it."""

from __future__ import annotations

import csv
import hmac
import io
import json
import os
import secrets
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store import Message, Store, Upload

from bottle import Bottle, HTTPResponse, Route, abort, redirect, request, response, static_file, template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
PER_PAGE = 10
API_LIMIT = 100  # messages in one answer
MAX_AUTHOR = 40  # characters
MAX_BODY = 4000  # characters
MAX_UPLOAD = 1024 * 1024  # bytes
MAX_REQUEST = 4 * MAX_UPLOAD  # bytes; a request that declares more is not even read
YEAR = 365 * 24 * 3600  # seconds

app = Bottle()
app.config['board.database'] = os.environ.get('BOARD_DB') or str(HERE / 'data' / 'board.sqlite3')


def open_store() -> Store:
    """Return a new connection to the messages."""
    return Store(Path(app.config['board.database']))


class StorePlugin:
    """Gives a connection to each callback that has a parameter `store`, and closes it afterwards."""

    name = 'store'
    api = 2

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Wrap a callback that wants a connection; leave others alone."""
        if 'store' not in route.get_callback_args():
            return callback

        @wraps(callback)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with open_store() as store:
                return callback(*args, store=store, **kwargs)

        return wrapper


app.install(StorePlugin())


# Pages


def render(name: str, **variables: Any) -> str:
    """Return a page made from a template, with the message that the last request left for this one."""
    return template(
        name,
        variables,
        url=app.get_url,
        max_upload=MAX_UPLOAD,
        max_body=MAX_BODY,
        template_lookup=[str(HERE / 'views')],
    )


def board_page(store: Store, **variables: Any) -> str:
    """Return the page with the form and the messages."""
    secret = store.secret()
    token = request.get_cookie('csrf', secret=secret)
    if not token:
        token = secrets.token_urlsafe(16)
        set_cookie('csrf', token, secret)
    total = store.count()
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(1, positive(request.query.get('page'), 1)), pages)
    author = request.get_cookie('author', secret=secret) or ''
    messages = store.latest(PER_PAGE, (page - 1) * PER_PAGE)
    shown = {'author': author, 'body': '', 'problem': '', 'flash': take_flash(secret), **variables}
    return render('index', token=token, messages=messages, total=total, page=page, pages=pages, **shown)


def positive(text: str | None, default: int) -> int:
    """Return the number that the text shows, or the default if it shows none that is sensible."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else default


def set_cookie(name: str, value: str, secret: str, **options: Any) -> None:
    """Set a signed cookie that scripts and other sites cannot use."""
    response.set_cookie(name, value, secret=secret, path='/', httponly=True, samesite='lax', **options)


def take_flash(secret: str) -> str:
    """Return the message that the last request left for this one, once."""
    flash = request.get_cookie('flash', secret=secret)
    if flash:
        response.delete_cookie('flash', path='/')
    return flash or ''


@app.get('/', name='index')
def index(store: Store) -> str:
    return board_page(store)


@app.post('/messages', name='post')
def post_message(store: Store) -> str:
    secret = store.secret()
    check_token(secret)
    author, body = request.forms.getunicode('author', '').strip(), request.forms.getunicode('body', '').strip()
    upload = read_upload()
    problem = find_problem(author, body)
    if problem:
        response.status = 400
        return board_page(store, author=author, body=body, problem=problem)
    store.add(author, body, upload)
    set_cookie('author', author, secret, max_age=YEAR)
    set_cookie('flash', 'Your message is on the board.', secret)
    return redirect(app.get_url('index'), 303)


def check_token(secret: str) -> None:
    """Refuse a form that another site has sent in the visitor's name."""
    expected = request.get_cookie('csrf', secret=secret) or ''
    given = request.forms.getunicode('token', '')
    if not expected or not hmac.compare_digest(expected.encode(), given.encode(errors='replace')):
        abort(403, 'This form is out of date. Please load the page again.')


def find_problem(author: object, body: object) -> str:
    """Return what is wrong with a message, or an empty text."""
    if not isinstance(author, str) or not author.strip():
        return 'Please give a name.'
    if not isinstance(body, str) or not body.strip():
        return 'Please write something.'
    if len(author) > MAX_AUTHOR:
        return f'A name has at most {MAX_AUTHOR} characters.'
    return f'A message has at most {MAX_BODY} characters.' if len(body) > MAX_BODY else ''


def read_upload() -> Upload | None:
    """Return the file that came with the form, if any."""
    upload = request.files.get('file')
    if not upload or not upload.raw_filename:
        return None
    data = upload.file.read(MAX_UPLOAD + 1)
    if len(data) > MAX_UPLOAD:
        abort(413, f'A file may have at most {MAX_UPLOAD // 1024} KiB.')
    return Upload(upload.filename, upload.content_type or 'application/octet-stream', data)


@app.get('/messages/<number:int>', name='message')
def show_message(number: int, store: Store) -> str:
    return render('single', message=find_message(store, number))


def find_message(store: Store, number: int) -> Message:
    """Return a message or answer 404."""
    message = store.get(number) if number < 2**63 else None
    return message or abort(404, f'There is no message {number}.')


@app.get('/files/<number:int>/<name>', name='file')
def show_file(number: int, name: str, store: Store) -> HTTPResponse:
    message = find_message(store, number)
    if not message.file_name or message.file_name != name:
        abort(404, 'There is no such file.')
    tag = f'"{number}"'
    headers = {
        'ETag': tag,
        'Cache-Control': 'public, max-age=31536000, immutable',
        # What strangers upload is theirs, not ours: it must not run as a page of this site.
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "default-src 'none'; sandbox",
    }
    if request.get_header('If-None-Match') == tag:
        return HTTPResponse(status=304, headers=headers)
    headers['Content-Type'] = str(message.file_type) if message.is_image else 'application/octet-stream'
    headers['Content-Disposition'] = f'{"inline" if message.is_image else "attachment"}; filename="{name}"'
    return HTTPResponse(store.content(number), headers=headers)


@app.get('/static/<path:path>', name='static')
def static(path: str) -> HTTPResponse:
    return static_file(path, root=str(HERE / 'static'))


@app.get('/export.csv', name='export')
def export() -> Iterator[str]:
    response.content_type = 'text/csv; charset=UTF-8'
    response.set_header('Content-Disposition', 'attachment; filename="board.csv"')
    yield csv_line(['id', 'created', 'author', 'body', 'file'])
    # The body is sent after the callback has returned, so it has a connection of its own.
    with open_store() as store:
        for each in store.all():
            yield csv_line([each.id, each.time.isoformat(), each.author, each.body, each.file_name or ''])


def csv_line(cells: list[Any]) -> str:
    """Return one line; cells that a spreadsheet would run as a formula are marked as text."""
    line = io.StringIO()
    safe = [f"'{cell}" if str(cell).startswith(('=', '+', '-', '@', '\t')) else cell for cell in cells]
    csv.writer(line).writerow(safe)
    return line.getvalue()


# API


@app.get('/api/messages', name='api')
def api_list(store: Store) -> dict[str, Any]:
    limit = min(positive(request.query.get('limit'), PER_PAGE), API_LIMIT)
    messages = store.before(positive(request.query.get('before'), 2**62), limit)
    more = bool(messages) and messages[-1].id > 1
    following = app.get_url('api', before=messages[-1].id, limit=limit) if more else None
    return {'messages': [each.as_dict() for each in messages], 'next': following}


@app.get('/api/messages/<number:int>', name='api_message')
def api_get(number: int, store: Store) -> dict[str, Any]:
    return find_message(store, number).as_dict()


@app.post('/api/messages')
def api_post(store: Store) -> dict[str, Any]:
    given = request.json
    if not isinstance(given, dict):
        abort(400, 'Send a JSON object, as application/json.')
    problem = find_problem(given.get('author'), given.get('body'))
    if problem:
        abort(400, problem)
    number = store.add(given['author'].strip(), given['body'].strip())
    response.status = 201
    response.set_header('Location', app.get_url('api_message', number=number))
    return find_message(store, number).as_dict()


# Errors and limits


@app.hook('before_request')
def refuse_giants() -> None:
    if request.content_length > MAX_REQUEST:
        abort(413, f'A request may have at most {MAX_REQUEST // 1024} KiB.')


def show_error(error: Any) -> str:
    """Return an error as a page, or as JSON to users of the API."""
    if request.path.startswith('/api/'):
        response.content_type = 'application/json'
        return json.dumps({'error': error.body})
    return render('error', error=error)


for code in (400, 403, 404, 405, 413, 500):
    app.error(code)(show_error)


def main() -> None:
    """Serve the board as the command line says."""
    from argparse import ArgumentParser

    parser = ArgumentParser(description='A message board.')
    parser.add_argument('--server', default='wsgiref')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8080)
    parser.add_argument('--db', default=app.config['board.database'], help='the SQLite file (or $BOARD_DB)')
    options = parser.parse_args()
    app.config['board.database'] = options.db
    app.run(server=options.server, host=options.host, port=options.port)


if __name__ == '__main__':
    main()
