"""Where ours answers otherwise than Bottle 0.13.4, on purpose: each with its reason and a request that shows it.

A difference that its example does not show any more is taken out: a test fails until it is.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.differential.generating import Request, wire


class Answer(NamedTuple):
    """What an application answered, or the exception that came out of it."""

    status: str
    headers: list[list[str]]
    body: str
    closed: list[str]

    def header(self, name: str) -> str | None:
        """Return the only field of a name, or None."""
        return next((value for field, value in self.headers if field == name), None)

    def without(self, *names: str) -> list[list[str]]:
        """Return the fields but those of some names."""
        return [field for field in self.headers if field[0] not in names]


Explains = Callable[[Request, Answer, Answer], bool]


class Difference(NamedTuple):
    """One reviewed difference.

    `explains` takes a request and the answers of the old and the new Bottle, which are known to differ.
    """

    name: str
    reason: str
    example: Request
    explains: Explains


def is_utf8(text: str) -> bool:
    """Tell whether a native string is UTF-8."""
    try:
        text.encode('latin-1').decode('utf8')
    except UnicodeDecodeError:
        return False
    return True


def values(body: str) -> dict[str, Any]:
    """Return the object in a JSON body, an empty one if there is none."""
    try:
        found = json.loads(body.encode('latin-1'))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def differ_only_in(old: Answer, new: Answer, *keys: str) -> bool:
    """Tell whether two JSON bodies are equal but for some keys, and everything else but the length, too."""
    first, second = values(old.body), values(new.body)
    for key in keys:
        first.pop(key, None)
        second.pop(key, None)
    rest = old.without('Content-Length') == new.without('Content-Length')
    # Under HEAD the length is all that shows.
    return rest and old.status == new.status and (bool(first) or not new.body) and first == second


def decoded(request: Request) -> str:
    """Return the query string without percent signs, as a native string."""
    plus = request.query.replace('+', ' ')
    return re.sub('%([0-9a-fA-F]{2})', lambda match: chr(int(match[1], 16)), plus)


def same_but(*names: str) -> Explains:
    """Return a check for answers that differ in nothing but these fields."""
    return lambda _request, old, new: old[0:3:2] == new[0:3:2] and old.without(*names) == new.without(*names)


def static(*headers: str) -> Callable[[Request], bool]:
    """Return a check for requests for static files that have all these header fields, not empty."""
    return lambda request: request.path.startswith('/static/') and all(request.headers.get(name) for name in headers)


def last_values(old: Answer, new: Answer) -> bool:
    """Tell whether the old answer knows the last of each cookie that the new one has."""
    ours = values(new.body).get('cookies', {})
    last = {name: found[-1:] for name, found in ours.items()}
    return last == values(old.body).get('cookies') and differ_only_in(old, new, 'cookies')


def spelled(field: list[str]) -> list[str]:
    """Return a header field without what can be spelled in two ways in `Set-Cookie`."""
    name, value = field
    return [name, *sorted(value.replace('"', '').split('; '))] if name == 'Set-Cookie' else field


def names_tag(request: Request) -> bool:
    """Tell whether a request wants nothing if the file is the one that it knows: all files have the tag `"one"`."""
    return bool(re.search(r'"one"|[*]', request.headers['HTTP_IF_NONE_MATCH']))


CONTROLS = re.compile(r'[\x00-\x08\x0a-\x1f\x7f]')

DIFFERENCES = [
    Difference(
        'path that is not UTF-8',
        'undecodable bytes are kept (surrogateescape), where 0.13 drops them, so that two paths could be one',
        Request(path='/hello/a\xff'),
        lambda request, old, new: not is_utf8(request.path),
    ),
    Difference(
        'line end at the end of a path',
        'must be matched by a wildcard as every other character; 0.13 drops it from the value',
        Request(path='/about/a\n'),
        lambda request, old, new: request.path.endswith('\n') and new.status.startswith('404'),
    ),
    Difference(
        'text that is got by item',
        'is UTF-8 with surrogateescape, as in 0.14; in 0.13 only attributes and getunicode give UTF-8',
        Request(path='/item', query='x=%C3%BC'),
        lambda request, old, new: request.path == '/item' and not decoded(request).isascii(),
    ),
    Difference(
        'header field that is not UTF-8',
        'values are kept as they are',
        Request(path='/cookies', headers={'HTTP_COOKIE': 'x=\xff'}),
        lambda request, old, new: not all(map(is_utf8, request.headers.values())),
    ),
    Difference(
        'several cookies of one name',
        'all are kept, as in every other MultiDict; what is asked for by name is the last one, as before',
        Request(path='/cookies', headers={'HTTP_COOKIE': 'y=1; y=2'}),
        lambda request, old, new: request.path == '/cookies' and last_values(old, new),
    ),
    Difference(
        'cookie field with a malformed part',
        'one malformed part does not make all cookies vanish; RFC 6265, 5.4 is generous with values',
        Request(path='/cookies', headers={'HTTP_COOKIE': 'x=1; y=a b; z=2'}),
        lambda request, old, new: (
            request.path == '/cookies'
            and not re.fullmatch(
                r"""([\w-]+=("[^"\\]*"|[^\s;",\\]*)([;] *|$))*""", request.headers.get('HTTP_COOKIE', '')
            )
        ),
    ),
    Difference(
        'signed cookies',
        'hold JSON, never a pickle: who knew the secret could run code',
        Request(path='/cookies/signed', query='v=1'),
        lambda request, old, new: request.path == '/cookies/signed' and same_but('Set-Cookie')(request, old, new),
    ),
    Difference(
        'spelling of Set-Cookie',
        'attributes come in the order of the call, and only what needs quotes has them (RFC 6265, 4.1.1)',
        Request(path='/cookies/set'),
        lambda request, old, new: (
            same_but('Set-Cookie')(request, old, new)
            and sorted(map(spelled, old.headers)) == sorted(map(spelled, new.headers))
        ),
    ),
    Difference(
        'error handlers that raise a response',
        'answer with it, as other handlers do; 0.13 ends in its page of last resort',
        Request(path='/abort/410'),
        lambda request, old, new: old.body.startswith('<h1>Critical') and new.header('X-Gone') == '1',
    ),
    Difference(
        'cookie values that need quotes or cannot be in a cookie',
        'a semicolon or a control character is refused, other characters are escaped: nothing can add attributes',
        Request(path='/cookies/set', query='v=a%3Bb'),
        lambda request, old, new: (
            request.path == '/cookies/set'
            and not re.fullmatch(r'[\w&=./~+-]*', decoded(request), re.ASCII)
            and (new.status.startswith('500') or same_but('Set-Cookie')(request, old, new))
        ),
    ),
    Difference(
        'header fields with control characters',
        'refused by our own check, all of them, where 0.13 looks for CR, LF and NUL only (RFC 9110, 5.5)',
        Request(path='/headers', query='v=a%0Bb'),
        lambda request, old, new: (
            request.path in ('/headers', '/redirect', '/static/a.txt')
            and new.status.startswith('500')
            and bool(CONTROLS.search(decoded(request)))
        ),
    ),
    Difference(
        'no content with 1xx',
        'RFC 9110, 15.2 and 8.6: such a response has neither content nor Content-Length',
        Request(path='/status/100'),
        lambda request, old, new: (
            new.status[0] == '1' and not new.body and same_but('Content-Length')(request, old._replace(body=''), new)
        ),
    ),
    Difference(
        'last page under HEAD',
        'a response to HEAD has no body, not even that of the page of last resort',
        Request('HEAD', '/headers', 'charset=none'),
        lambda request, old, new: (
            request.method == 'HEAD' and not new.body and old.body.startswith('<h1>Critical') and old[:2] == new[:2]
        ),
    ),
    Difference(
        'path of a mounted WSGI application',
        'is a native string, as PEP 3333 wants it; 0.13 hands decoded text on',
        Request(path=wire('/foreign/ü')),
        lambda request, old, new: request.path.startswith('/foreign/') and not request.path.isascii(),
    ),
    Difference(
        'redirect to what is not ASCII',
        'a URL is ASCII (RFC 3986): the rest is percent-encoded',
        Request(path='/redirect', query='to=/%C3%BC'),
        lambda request, old, new: (
            request.path == '/redirect'
            and not (old.header('Location') or '').isascii()
            and same_but('Location')(request, old, new)
        ),
    ),
    Difference(
        'If-None-Match',
        'counts before dates, and before ranges; knows lists, weak tags and * (RFC 9110, 13.1.2 and 13.2.2)',
        Request(path='/static/a.txt', headers={'HTTP_IF_NONE_MATCH': 'W/"one"'}),
        lambda request, old, new: (
            static()(request)
            and 'HTTP_IF_NONE_MATCH' in request.headers
            and names_tag(request) == (new.status[:3] == '304')
        ),
    ),
    Difference(
        'If-Range',
        'is unknown to 0.13: a client would join parts of two files',
        Request(path='/static/a.txt', headers={'HTTP_IF_RANGE': '"two"', 'HTTP_RANGE': 'bytes=5-'}),
        lambda request, old, new: static('HTTP_IF_RANGE', 'HTTP_RANGE')(request) and new.status.startswith('200'),
    ),
    Difference(
        'ranges under HEAD',
        'are defined for GET only (RFC 9110, 14.2)',
        Request('HEAD', '/static/a.txt', headers={'HTTP_RANGE': 'bytes=5-9'}),
        lambda request, old, new: (
            request.method == 'HEAD' and static('HTTP_RANGE')(request) and new.status.startswith('200')
        ),
    ),
    Difference(
        'other units than bytes',
        'are ignored, as every range that is not known (RFC 9110, 14.2)',
        Request(path='/static/a.txt', headers={'HTTP_RANGE': 'items=0-1'}),
        lambda request, old, new: (
            static('HTTP_RANGE')(request)
            and not request.headers['HTTP_RANGE'].startswith('bytes=')
            and new.status[:3] in ('200', '206')
            and old.status.startswith('416')
        ),
    ),
    Difference(
        '416 tells the length',
        'RFC 9110, 15.5.17: so that the client can ask again',
        Request(path='/static/a.txt', headers={'HTTP_RANGE': 'bytes=1000-'}),
        lambda request, old, new: new.status.startswith('416') and same_but('Content-Range')(request, old, new),
    ),
    Difference(
        'file names that are not plain ASCII',
        'RFC 6266: quotes cannot end the name, and filename* tells the others',
        Request(path='/static/a.txt', query='save=%C3%BC.txt'),
        lambda request, old, new: (
            request.path.startswith('/static/')
            and same_but('Content-Disposition')(request, old, new)
            and not re.fullmatch('[ -~]*', request.path + decoded(request))
        ),
    ),
    Difference(
        'entity tags',
        'are made of size and time of change alone, so that several machines agree',
        Request(path='/tagged/a.txt'),
        lambda request, old, new: request.path.startswith('/tagged/') and same_but('Etag')(request, old, new),
    ),
    Difference(
        'X-Forwarded-For and X-Forwarded-Host',
        'anybody can send them: they count only where a proxy is trusted, which is told to the server',
        Request(path='/about', headers={'HTTP_X_FORWARDED_FOR': '1.2.3.4', 'REMOTE_ADDR': '::1'}),
        lambda request, old, new: 'HTTP_X_FORWARDED_FOR' in request.headers and differ_only_in(old, new, 'remote'),
    ),
    Difference(
        'full path',
        'is script name and path as they are: 0.13 resolves the path like a relative reference',
        Request(path='/about/a//b/../c'),
        lambda request, old, new: (
            bool(re.search(r'//|[.#?;:]|/$', request.path))
            and differ_only_in(old, new, 'fullpath', 'url', 'urlparts', 'remote')
        ),
    ),
    Difference(
        'default error page',
        'is written anew; it shows the path only, not the URL with a Host that anybody can choose',
        Request(path='/fail', default_pages=True),
        lambda request, old, new: (
            request.default_pages and same_but('Content-Length')(request, old, new._replace(body=old.body))
        ),
    ),
    Difference(
        'malformed Host',
        '400, whatever the application does with it (RFC 9112, 3.2)',
        Request(headers={'HTTP_HOST': '<script>'}),
        lambda request, old, new: (
            new.status.startswith('400') and not re.fullmatch(r'[\w.:\[\]-]*', request.headers['HTTP_HOST'])
        ),
    ),
    Difference(
        'body shorter than declared',
        '400: half a form must not look like a whole one',
        Request('POST', '/body', headers={'CONTENT_LENGTH': '9'}, body='short'),
        lambda request, old, new: (
            new.status.startswith('400') and int(request.headers['CONTENT_LENGTH']) > len(request.body)
        ),
    ),
]


def normal(answer: Any) -> Answer:
    """Return what a worker says about an answer without what changes from second to second."""
    if answer.raised:
        return Answer(f'raised {answer.raised}: {answer.message}', [], '', [])
    value = answer.value
    headers = [[name, 'now' if name == 'Date' else text] for name, text in value['headers']]
    return Answer(value['status'], headers, value['body'], value['closed'])


def explain(request: Request, old: Answer, new: Answer) -> str | None:
    """Return the name of the first reviewed difference that explains why two answers differ, or None."""
    return next((each.name for each in DIFFERENCES if each.explains(request, old, new)), None)
