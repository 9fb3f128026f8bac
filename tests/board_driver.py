"""A visitor of the example board who tries everything, through a socket, with nothing but the standard library."""

import base64
import csv
import html
import http.client
import io
import json
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds
BOUNDARY = 'board-driver-boundary'
PNG = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
)
EVERY_BYTE = bytes(range(256)) * 64
PER_PAGE = 10
MAX_UPLOAD = 1024 * 1024


@dataclass
class Answer:
    """What the server answered, its body read to the end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def header(self, name: str) -> str:
        """Return a header that must be there."""
        value = self.headers[name]
        assert value is not None, f'no header {name} in {self.headers.items()}'
        return value


@dataclass
class Visitor:
    """One browser: remembers cookies, does not follow redirections."""

    base_url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = urlsplit(self.base_url)
        self.prefix = self.parts.path.rstrip('/')

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request; `path` is below the board's own URL unless it begins with that already."""
        sent = dict(headers or {})
        if self.cookies:
            sent['Cookie'] = '; '.join(f'{name}={value}' for name, value in self.cookies.items())
        full = path if self.prefix and path.startswith(f'{self.prefix}/') else self.prefix + path
        connection = http.client.HTTPConnection(self.parts.hostname or '', self.parts.port, timeout=TIMEOUT)
        try:
            connection.request(method, full, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for line in answer.headers.get_all('Set-Cookie', []):
            self.remember(line)
        return answer

    def remember(self, line: str) -> None:
        """Keep a cookie, or drop it if it is to be deleted."""
        name, value = line.split(';', 1)[0].split('=', 1)
        if re.search('max-age=[-0]', line, re.IGNORECASE) or value in ('', '""'):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def get(self, path: str, **headers: str) -> Answer:
        """Get something; `if_none_match='x'` sends the header `If-None-Match: x`."""
        return self.request('GET', path, headers={name.replace('_', '-'): value for name, value in headers.items()})

    def page(self, path: str) -> str:
        """Get a page that must be there, and return its text."""
        answer = self.get(path)
        assert answer.status == 200, (path, answer.status, answer.text)
        assert answer.header('Content-Type').lower() == 'text/html; charset=utf-8'
        return answer.text

    def post_form(self, fields: dict[str, str], file: tuple[str, str, bytes] | None = None) -> Answer:
        """Send the form of the board, filled in, with the token that its page holds."""
        token = re.search(r'name="token" value="([^"]+)"', self.page('/'))
        assert token
        body = multipart({'token': token[1], **fields}, file)
        return self.request('POST', '/messages', body, {'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'})

    def post_json(self, value: object, content_type: str = 'application/json') -> Answer:
        """Send a message through the API."""
        return self.request('POST', '/api/messages', json.dumps(value).encode(), {'Content-Type': content_type})


def multipart(fields: dict[str, str], file: tuple[str, str, bytes] | None) -> bytes:
    """Return a body of the type multipart/form-data (RFC 7578)."""
    disposition = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name='
    parts = [f'{disposition}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    name, kind, data = file or ('', 'application/octet-stream', b'')
    parts += [f'{disposition}"file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'.encode(), data, b'\r\n']
    return b''.join([*parts, f'--{BOUNDARY}--\r\n'.encode()])


def drive_board(base_url: str) -> None:
    """Visit every part of the board and check what comes back.

    Parameters:
        base_url: where the board is served, as its server prints it. The board may hold messages already.

    Raises:
        AssertionError: something is not as it should be.
    """
    mark = secrets.token_hex(4)
    check_empty_form_and_static_files(Visitor(base_url))
    number = check_post(Visitor(base_url), mark)
    check_uploads(Visitor(base_url), mark)
    check_refusals(Visitor(base_url))
    check_api(Visitor(base_url), mark)
    check_pages(Visitor(base_url), mark)
    check_export(Visitor(base_url), mark)
    check_errors(Visitor(base_url), number)


def check_empty_form_and_static_files(visitor: Visitor) -> None:
    """The page has a form and a style sheet; the latter is sent once, then confirmed; HEAD sends no body."""
    page = visitor.page('/')
    assert '<form' in page
    link = re.search(r'href="([^"]+\.css)"', page)
    assert link
    style = visitor.get(link[1])
    assert style.status == 200
    assert style.header('Content-Type').startswith('text/css')
    assert int(style.header('Content-Length')) == len(style.body) > 1000
    again = visitor.get(link[1], if_none_match=style.header('ETag'), if_modified_since=style.header('Last-Modified'))
    assert (again.status, again.body) == (304, b'')
    part = visitor.get(link[1], range='bytes=10-19')
    assert (part.status, part.body) == (206, style.body[10:20])
    head = visitor.request('HEAD', link[1])
    assert (head.status, head.body, head.header('Content-Length')) == (200, b'', str(len(style.body)))
    assert visitor.get('/static/../app.py').status in {400, 403, 404}
    assert visitor.get('/static/%2e%2e/app.py').status in {400, 403, 404}


def check_post(visitor: Visitor, mark: str) -> int:
    """A posted message is listed, escaped; the page says so once; the author is remembered. Return its number."""
    text = f'{mark}: Grüße, 世界 🌍\nsecond line <script>alert("x")</script> & more'
    answer = visitor.post_form({'author': f'Zoë {mark}', 'body': text})
    assert (answer.status, urlsplit(answer.header('Location')).path) == (303, f'{visitor.prefix}/')
    page = visitor.page('/')
    assert 'Your message is on the board.' in page
    assert 'Your message is on the board.' not in visitor.page('/')
    assert f'value="Zoë {mark}"' in page
    assert '<script>' not in page
    assert text in html.unescape(page)
    found = re.search(rf'messages/(\d+)">(?:(?!</article>).)*{mark}: Gr', page, re.DOTALL)
    assert found
    assert text in html.unescape(visitor.page(f'/messages/{found[1]}'))
    head = visitor.request('HEAD', f'/messages/{found[1]}')
    assert (head.status, head.body) == (200, b'')
    return int(found[1])


def check_uploads(visitor: Visitor, mark: str) -> None:
    """Files come back byte for byte: an image in the page, anything else only as a download."""
    for name, kind, data in ((f'{mark}.png', 'image/png', PNG), (f'{mark}.html', 'text/html', EVERY_BYTE)):
        answer = visitor.post_form({'author': 'Ann', 'body': f'with {name}'}, (name, kind, data))
        assert answer.status == 303, answer.text
        link = re.search(rf'href="([^"]+/{name})"', visitor.page('/'))
        assert link
        file = visitor.get(link[1])
        assert (file.status, file.body) == (200, data)
        image = kind.startswith('image/')
        assert file.header('Content-Type') == (kind if image else 'application/octet-stream')
        assert file.header('Content-Disposition').startswith('inline' if image else 'attachment')
        assert visitor.get(link[1], if_none_match=file.header('ETag')).status == 304


def check_refusals(visitor: Visitor) -> None:
    """A form without its token, without text, or with a file that is too large is refused."""
    body = multipart({'author': 'Eve', 'body': 'forged', 'token': 'guessed'}, None)
    kind = {'Content-Type': f'multipart/form-data; boundary={BOUNDARY}'}
    assert Visitor(visitor.base_url).request('POST', '/messages', body, kind).status == 403
    empty = visitor.post_form({'author': 'Ann', 'body': '  '})
    assert empty.status == 400
    assert 'Please write something.' in empty.text
    assert 'value="Ann"' in empty.text
    full = ('full.bin', 'application/octet-stream', b'x' * MAX_UPLOAD)
    assert visitor.post_form({'author': 'Ann', 'body': 'just fits'}, full).status == 303
    large = ('large.bin', 'application/octet-stream', b'x' * (MAX_UPLOAD + 1))
    assert visitor.post_form({'author': 'Ann', 'body': 'too large'}, large).status == 413
    assert 'too large' not in visitor.page('/')


def check_api(visitor: Visitor, mark: str) -> None:
    """A message sent as JSON is found by its number and in the list; what is not a message is refused."""
    sent = {'author': 'API', 'body': f'{mark} äöü \u2028 "quoted"'}
    answer = visitor.post_json(sent)
    assert (answer.status, answer.header('Content-Type')) == (201, 'application/json'), answer.text
    made = json.loads(answer.body)
    assert {**made, **sent} == made
    single = visitor.get(urlsplit(answer.header('Location')).path)
    assert (single.status, json.loads(single.body)) == (200, made)
    assert made in json.loads(visitor.get('/api/messages?limit=100').body)['messages']
    first = json.loads(visitor.get('/api/messages?limit=1').body)
    following = json.loads(visitor.get(first['next']).body)
    assert following['messages'][0]['id'] < first['messages'][0]['id']
    wrong_ones: tuple[object, ...] = (
        {'author': 'API'},
        {'author': '', 'body': 'x'},
        {'author': 1, 'body': []},
        [],
        'text',
    )
    for wrong in wrong_ones:
        refused = visitor.post_json(wrong)
        assert (refused.status, set(json.loads(refused.body))) == (400, {'error'})
    assert visitor.post_json(sent, 'text/plain').status == 400


def check_pages(visitor: Visitor, mark: str) -> None:
    """More messages than fit on a page go to the next; each is listed once."""
    bodies = {f'{mark} number {number};' for number in range(PER_PAGE + 2)}
    for body in bodies:
        assert visitor.post_json({'author': 'Bo', 'body': body}).status == 201
    first, second = visitor.page('/'), visitor.page('/?page=2')
    assert 'rel="next"' in first
    assert 'rel="prev"' in second
    assert first.count('<article') == PER_PAGE
    assert all((body in first) != (body in second) for body in bodies)
    for strange in ('0', '-1', '999999999999999999999', 'x', ''):
        visitor.page(f'/?page={strange}')


def check_export(visitor: Visitor, mark: str) -> None:
    """The export holds every message, in order, as CSV."""
    answer = visitor.get('/export.csv')
    assert answer.status == 200
    assert answer.header('Content-Type').lower() == 'text/csv; charset=utf-8'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline='')))
    numbers = [int(row['id']) for row in rows]
    assert numbers == sorted(numbers)
    assert [row['author'] for row in rows if row['body'].startswith(f'{mark}: Grüße, 世界 🌍\nsecond')] == [
        f'Zoë {mark}'
    ]
    assert visitor.request('HEAD', '/export.csv').body == b''


def check_errors(visitor: Visitor, number: int) -> None:
    """What is not there is a page of the board, or JSON for users of the API; a wrong method is told apart."""
    for path in ('/nothing', '/messages/999999999', '/messages/99999999999999999999', f'/files/{number}/none.txt'):
        answer = visitor.get(path)
        assert (answer.status, 'Back to the board' in answer.text) == (404, True), path
    answer = visitor.get('/api/messages/999999999')
    assert (answer.status, json.loads(answer.body)) == (404, {'error': 'There is no message 999999999.'})
    assert visitor.request('DELETE', '/').status == 405
    forged = Visitor(visitor.base_url, {'author': '"!forged?signature"', 'csrf': 'x'})
    assert 'forged' not in forged.page('/')
