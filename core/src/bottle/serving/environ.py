"""Mending an environ where a backend does not follow PEP 3333; for adapters to call before the application."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from bottle.bodies import chunked_reader, length_reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bottle.serving.types import Environ


def terminate_input(environ: Environ, raw: Any) -> None:
    """Set `wsgi.input` to a reader that ends where the request's body ends (RFC 9112, section 6.3).

    `wsgi.input_terminated` tells the application that it may read to the end. A chunked body is decoded; its coding is
    then gone and
    its length is not known, so neither stays in the environ.

    Parameters:
        environ: the request's environ; changed in place. Its framing has been checked with `framing_fault`.
        raw: the file object that the connection's bytes are read from.
    """
    if 'HTTP_TRANSFER_ENCODING' in environ:
        environ['wsgi.input'] = chunked_reader(raw)
        del environ['HTTP_TRANSFER_ENCODING']
        environ.pop('CONTENT_LENGTH', None)
    else:
        length = int(environ.get('CONTENT_LENGTH') or 0)
        environ['wsgi.input'] = length_reader(raw, length) if length else BytesIO()
    environ['wsgi.input_terminated'] = True


def drop_ambiguous(environ: Environ, names: Iterable[str]) -> None:
    """Remove the headers whose name has an underscore: `X_Forwarded_For` would pass for `X-Forwarded-For`.

    Parameters:
        environ: the request's environ; changed in place.
        names: the names of the request's headers, as the client has sent them.
    """
    for name in names:
        if '_' in name:
            environ.pop('HTTP_' + name.replace('-', '_').upper(), None)


def framing_fault(transfer_encoding: str | None, content_lengths: list[str]) -> str:
    """Return what is wrong with the framing of a request, or an empty string (RFC 9112, section 6.3).

    Parameters:
        transfer_encoding: the value of the Transfer-Encoding header, or None.
        content_lengths: the values of all Content-Length headers.
    """
    if transfer_encoding is not None and content_lengths:
        return 'both Transfer-Encoding and Content-Length'
    if transfer_encoding is not None and transfer_encoding.strip().lower() != 'chunked':
        return 'unsupported Transfer-Encoding'
    if len(set(content_lengths)) > 1 or not all(each.isascii() and each.isdigit() for each in content_lengths):
        return 'invalid Content-Length'
    return ''


def latin1_path(target: str) -> str:
    """Return PATH_INFO for a request target: percent-decoded bytes as latin-1 text (PEP 3333, "Unicode Issues").

    Parameters:
        target: the request target as it stands on the request line (RFC 9112, section 3.2).
    """
    from urllib.parse import unquote

    path = target.partition('?')[0]
    if not path.startswith('/') and '://' in path:  # the absolute form; the asterisk form stays as it is
        path = '/' + path.partition('://')[2].partition('/')[2]
    return unquote(path, 'latin-1')
