"""The answer to a request that failed in debug mode: the exception, its frames with their source, and the traceback.

The frame that failed comes first, and the last exception of a chain before its causes: a browser shows the top of a
page, where a terminal shows the end. Frames of libraries are folded up. Source is shown, values never: local variables
hold secrets. The page runs nothing and loads nothing, and however much went wrong, it stays below 200 kB.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bottle._util import html_escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

_MOST_EXCEPTIONS = 20
_FRAMES = (20, 10)  # of each exception: those nearest to the failure, and those where it began
_AROUND = 5  # lines of source before and after
_LONGEST_LINE = 160  # characters, as all that follow
_LONGEST_NAME = 500
_LONGEST_MESSAGE = 1000
_LONGEST_TRACEBACK = 18_000  # escaped, a character takes six bytes at most
_SECTIONS = 60_000  # bytes for all frames together

# Without these a terminal obeys what a client made an exception say, and text is not read in the order it has.
_INVISIBLE = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')

# RFC 9110 section 12.4.2; what is malformed counts as 1, like what is absent.
_QUALITY = re.compile(r';\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)')
_HTML = ('text/html', 'application/xhtml+xml')
_TEXT = ('text/plain', 'application/json')

_LIBRARIES = tuple(f'{Path(file).parent}{os.sep}' for file in (os.__file__, __file__))
_INSTALLED = {'site-packages', 'dist-packages'}

_HEADERS = {
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    'X-Content-Type-Options': 'nosniff',
}

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta name="viewport" content="width=device-width">
<title>{heading}</title>
<style>
:root {{color-scheme: light dark}}
body {{font-family: sans-serif; margin: 1em auto; max-width: 70em; padding: 0 1em}}
h1, h2 {{font-size: 1.3em; overflow-wrap: anywhere; white-space: pre-wrap}}
h1 {{border-bottom: 3px solid #c33; padding-bottom: .3em}}
summary {{cursor: pointer; overflow-wrap: anywhere; padding: .3em}}
pre, textarea {{border: 1px solid #8886; font: .9em/1.4 monospace; margin: 0 0 .6em; overflow-x: auto; padding: .5em}}
textarea {{box-sizing: border-box; width: 100%}}
mark {{background: #fc6; color: #000}}
.application summary {{font-weight: bold}}
.library {{opacity: .75}}
</style>
</head>
<body>
<h1>{heading}</h1>
<p><code>{request}</code></p>
<p>{said}</p>
{sections}
<h2>Traceback, to copy</h2>
<textarea readonly rows="20" spellcheck="false" aria-label="Traceback">
{traceback}</textarea>
</body>
</html>
"""


class Place(NamedTuple):
    """Where an exception passed through.

    Attributes:
        file: the file, or what stands for one.
        line: the number of the line, from 1.
        function: the name of the function; empty for the place of a syntax error.
        source: the lines of the whole file, none if it cannot be read.
        times: how often in a row.
    """

    file: str
    line: int
    function: str
    source: list[str]
    times: int = 1

    @property
    def in_library(self) -> bool:
        """Whether this is a library: the standard one, an installed one, or Bottle."""
        return self.file.startswith(('<frozen ', *_LIBRARIES)) or not _INSTALLED.isdisjoint(Path(self.file).parts)


def answer(error: BaseException, environ: dict[str, Any], said: str, report: str = '') -> tuple[dict[str, str], str]:
    """Return what tells a developer why a request failed.

    Parameters:
        error: the exception.
        environ: the request.
        said: what a user would have been told.
        report: the traceback as text; made here if it is empty.

    Returns:
        The header fields and the body: HTML if the client would rather have that than text. Both can be encoded as
        UTF-8.
    """
    from traceback import format_exception

    traceback = _cut(report or ''.join(format_exception(error)), _LONGEST_TRACEBACK)
    request = _cut(request_line(environ), _LONGEST_NAME)
    if not wants_html(str(environ.get('HTTP_ACCEPT', ''))):
        return {'Content-Type': 'text/plain; charset=UTF-8', **_HEADERS}, f'{request}\n\n{traceback.rstrip()}\n'
    page = _PAGE.format(
        heading=_escaped(_summary(error), _LONGEST_MESSAGE),
        request=html_escape(request),
        said=_escaped(said, _LONGEST_NAME),
        sections='\n'.join(_within(_sections(error), _SECTIONS)),
        traceback=html_escape(traceback),
    )
    return {'Content-Type': 'text/html; charset=UTF-8', **_HEADERS}, page


def wants_html(accept: str) -> bool:
    """Return whether HTML is what a client would rather have, of HTML and text (RFC 9110 section 12.5.1).

    Parameters:
        accept: the field `Accept`. Browsers name HTML. What only takes anything at all is a tool, shown in a terminal;
            what sends no such field gets HTML, as it always did.
    """
    ranges = [each for each in accept.lower().split(',') if _kind(each) in (*_HTML, *_TEXT)]
    best = max(ranges, key=_quality, default='')
    return not accept.strip() or (_kind(best) in _HTML and _quality(best) > 0)


def _kind(media_range: str) -> str:
    return media_range.partition(';')[0].strip()


def _quality(media_range: str) -> float:
    found = _QUALITY.search(media_range)
    return float(found[1]) if found else 1.0


def request_line(environ: dict[str, Any]) -> str:
    """Return the first line of a request (RFC 9112 section 3), its path decoded."""
    path = f'{environ.get("SCRIPT_NAME", "")}{environ.get("PATH_INFO", "")}'
    query = f'?{environ["QUERY_STRING"]}' if environ.get('QUERY_STRING') else ''
    return f'{environ.get("REQUEST_METHOD", "")} {path}{query} {environ.get("SERVER_PROTOCOL", "")}'.strip()


# Text that anybody may have written


def _cut(text: str, longest: int) -> str:
    """Return text with its middle left out if it is long, and with what is invisible or no character spelt out."""
    if len(text) > longest:
        half = longest // 2
        text = f'{text[:half]} … {len(text) - 2 * half} characters are left out … {text[-half:]}'
    return _INVISIBLE.sub(lambda found: found[0].encode('unicode_escape').decode('ascii'), text)


def _escaped(text: str, longest: int) -> str:
    return html_escape(_cut(text, longest))


def _summary(error: BaseException) -> str:
    """Return the type of an exception, its message and its notes (PEP 678)."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ('builtins', '__main__') else f'{kind.__module__}.{kind.__qualname__}'
    )
    message = '(its message cannot be shown)'
    with suppress(Exception):
        message = '\n'.join(map(str, [error, *getattr(error, '__notes__', [])]))
    return f'{name}: {message}' if message else name


# Exceptions and where they passed through


def _exceptions(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Return an exception and all behind it, each once, with what it has to do with the one before."""
    seen: set[int] = set()
    waiting = [('', error)]
    while waiting:
        relation, one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield relation, one
            waiting[:0] = _behind(one)


def _behind(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    if isinstance(error, BaseExceptionGroup):
        yield from (('In this group: ', each) for each in error.exceptions[:_MOST_EXCEPTIONS])
    if error.__cause__ is not None:
        yield 'Caused by: ', error.__cause__
    elif error.__context__ is not None and not error.__suppress_context__:
        yield 'Raised while this was handled: ', error.__context__


def places(error: BaseException) -> list[Place]:
    """Return where an exception passed through, where it was raised first; what repeats in a row is one place.

    Parameters:
        error: the exception; in front of its frames comes the place of a syntax error.
    """
    from traceback import walk_tb

    found = []
    for (file, line, name), group in groupby(walk_tb(error.__traceback__), key=_identity):
        frames = [frame for frame, _ in group]
        found.append(Place(file, line, name, _source(file, frames[0]), len(frames)))
    if isinstance(error, SyntaxError) and isinstance(error.filename, str) and isinstance(error.lineno, int):
        found.append(Place(error.filename, error.lineno, '', _source(error.filename)))
    return found[::-1]


def _identity(step: tuple[FrameType, int | None]) -> tuple[str, int, str]:
    frame, line = step
    return frame.f_code.co_filename, line or 0, frame.f_code.co_name


def _source(file: str, frame: FrameType | None = None) -> list[str]:
    """Return the lines of a file or, where there is none, of the template or loader that the code came from."""
    import linecache

    variables = frame.f_globals if frame else {}
    if file == '<string>':
        # A SimpleTemplate made from text, known by the `include` that it gives to its code.
        include = variables.get('include')
        text = getattr(getattr(include.func, '__self__', None), 'source', '') if isinstance(include, partial) else ''
        return text.splitlines() if isinstance(text, str) else []
    with suppress(Exception):
        linecache.checkcache(file)
        return linecache.getlines(file, variables)
    return []


# HTML


def _sections(error: BaseException) -> Iterator[str]:
    """Return the elements for an exception and those behind it; each is complete, so that any may be the last."""
    for relation, one in islice(_exceptions(error), _MOST_EXCEPTIONS):
        if relation:
            yield f'<h2>{relation}{_escaped(_summary(one), _LONGEST_MESSAGE)}</h2>'
        found = places(one)
        nearest, first = _FRAMES
        hidden = max(0, len(found) - nearest - first)
        shown = found if not hidden else found[:nearest]
        yield from (_details(place, is_open=index == 0) for index, place in enumerate(shown))
        if hidden:
            yield f'<p>… {hidden} frames are left out …</p>'
            yield from map(_details, found[-first:])


def _within(pieces: Iterable[str], size: int) -> Iterator[str]:
    for piece in pieces:
        size -= len(piece.encode())
        if size < 0:
            yield '<p>… The rest is left out; the log has the whole traceback.</p>'
            return
        yield piece


def _details(place: Place, *, is_open: bool = False) -> str:
    kind = 'library' if place.in_library else 'application'
    where = f'<code>{_escaped(place.file, _LONGEST_NAME)}</code>, line {place.line}'
    function = f', in <code>{_escaped(place.function, _LONGEST_NAME)}</code>' if place.function else ''
    times = f', {place.times} times' if place.times > 1 else ''
    opened = ' open' if is_open or kind == 'application' else ''
    summary = f'<summary>{where}{function}{times} ({kind})</summary>'
    return f'<details class="{kind}"{opened}>{summary}{_excerpt(place)}</details>'


def _excerpt(place: Place) -> str:
    begin = max(0, place.line - 1 - _AROUND)
    lines = enumerate(place.source[begin : place.line + _AROUND], begin + 1)
    rows = '\n'.join(_row(number, text, failed=number == place.line) for number, text in lines)
    return f'\n<pre>{rows}</pre>\n' if rows else ''


def _row(number: int, text: str, *, failed: bool) -> str:
    row = f'{"→" if failed else " "}{number:>5}  {_escaped(text.rstrip(), _LONGEST_LINE)}'
    return f'<mark>{row}</mark>' if failed else row
