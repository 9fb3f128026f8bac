"""Where a request ends: probes of request smuggling (RFC 9112, sections 6, 7 and 11.2).

Two servers that see the end of a request at different places let a client smuggle one request past the first. Each
probe is a request whose end might be seen differently. Its body holds, or is followed by, a request that must never
reach the application, and the application may read only what the standard permits: often nothing, because the request
is to be refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bottle_conformance.corpus import exchange, received
from bottle_conformance.rules import rule
from bottle_conformance.subject import new_identity, request

if TYPE_CHECKING:
    from bottle_conformance.subject import Subject
    from bottle_conformance.witness import Witness

FRAMING = 'RFC 9112, 6.3'
SMUGGLING = 'RFC 9112, 11.2'
HIDDEN = '0' * 32  # the identity of the smuggled request, until the test puts a new one in its place
SMUGGLED = request('/digest', identity=HIDDEN, close=False)
LENGTH = f'Content-Length: {len(SMUGGLED)}'
CHUNKED = 'Transfer-Encoding: chunked'
LAST = request('/answer?body=last')  # ends a connection that is still in order


@dataclass(frozen=True)
class Probe:
    """A request whose end might be seen at different places.

    Parameters:
        headers: the lines of the head.
        body: what follows the head.
        permitted: the bodies that the application may read; when empty, the request must be refused.
        version: the version on the request line.
    """

    headers: tuple[str, ...]
    body: bytes
    permitted: tuple[bytes, ...] = ()
    version: str = 'HTTP/1.1'


def chunks(body: bytes) -> bytes:
    """Return a body as one chunk.

    Parameters:
        body: the body.
    """
    return b'%x\r\n%s\r\n0\r\n\r\n' % (len(body), body)


def contradicting(name: str, headers: tuple[str, ...], readings: str = '') -> dict[str, Probe]:
    """Return the two probes for a head with both framings: one framing hides the smuggled request, or the other does.

    Parameters:
        name: what the probes are called.
        headers: the lines of the head; `Length: N` gets its number here.
        readings: how the body may be read: `chunks`, `any`, or in no way when empty.
    """
    inside_length, inside_chunk = b'0\r\n\r\n' + SMUGGLED, chunks(SMUGGLED)
    size_line = inside_chunk[: inside_chunk.index(b'\r\n') + 2]
    version = 'HTTP/1.0' if readings == 'any' else 'HTTP/1.1'

    def probe(body: bytes, length: bytes, decoded: bytes) -> Probe:
        lines = tuple(line.replace('Length: N', f'Length: {len(length)}') for line in headers)
        permitted = {'chunks': (decoded,), 'any': (decoded, length)}.get(readings, ())
        return Probe(lines, body, permitted, version)

    return {
        f'{name}, hidden by the length': probe(inside_length, inside_length, b''),
        f'{name}, hidden by a chunk': probe(inside_chunk, size_line, SMUGGLED),
    }


# The value of Transfer-Encoding wins over Content-Length where it is valid; the connection is closed in any case.
BOTH = {
    'length and chunks': ('Content-Length: N', CHUNKED),
    'chunks and length': (CHUNKED, 'Content-Length: N'),
    'blanks around chunked': ('Content-Length: N', 'Transfer-Encoding:  \tchunked \t'),
    'chunked in capitals': ('Content-Length: N', 'TRANSFER-ENCODING: CHUNKED'),
    'folded chunked': ('Content-Length: N', 'Transfer-Encoding:\r\n chunked'),
    'chunked twice': ('Content-Length: N', CHUNKED, CHUNKED),
    'chunked, chunked': ('Content-Length: N', 'Transfer-Encoding: chunked, chunked'),
    'chunked in a list': ('Content-Length: N', 'Transfer-Encoding: , chunked'),
}
# No recipient may guess what these mean.
FAULTY = {
    'vertical tab before chunked': ('Content-Length: N', 'Transfer-Encoding: \x0bchunked'),
    'vertical tab behind chunked': ('Content-Length: N', 'Transfer-Encoding: chunked\x0b'),
    'no-break space before chunked': ('Content-Length: N', 'Transfer-Encoding: \xa0chunked'),
    'space before the colon': ('Content-Length: N', 'Transfer-Encoding : chunked'),
    'tab before the colon': ('Content-Length: N', 'Transfer-Encoding\t: chunked'),
    'NUL behind chunked': ('Content-Length: N', 'Transfer-Encoding: chunked\0'),
    'quoted chunked': ('Content-Length: N', 'Transfer-Encoding: "chunked"'),
    'parameter of chunked': ('Content-Length: N', 'Transfer-Encoding: chunked;a=b'),
    'xchunked': ('Content-Length: N', 'Transfer-Encoding: xchunked'),
    'identity': ('Content-Length: N', 'Transfer-Encoding: identity'),
    'chunked, identity': ('Content-Length: N', 'Transfer-Encoding: chunked, identity'),
    'chunked and identity': ('Content-Length: N', CHUNKED, 'Transfer-Encoding: identity'),
    'identity and chunked': ('Content-Length: N', 'Transfer-Encoding: identity', CHUNKED),
}
LENGTHS = {
    'with a plus': '+5',
    'with a minus': '-5',
    'with an underscore': '0_5',
    'in hexadecimal': '0x5',
    'with a blank inside': '0 5',
    'with a vertical tab': '\x0b5',
    'with a no-break space': '\xa05',
    'with a fraction': '5.0',
    'with a superscript': '\xb2',
    'in a list that differs': '5, 6',
    'in quotes': '"5"',
    'that is no number': 'five',
}
SIZES = {
    'with 0x': b'0x5\r\nhello\r\n0\r\n\r\n',
    'with a plus': b'+5\r\nhello\r\n0\r\n\r\n',
    'with a minus': b'-5\r\nhello\r\n0\r\n\r\n',
    'with an underscore': b'0_5\r\nhello\r\n0\r\n\r\n',
    'with a blank in front': b' 5\r\nhello\r\n0\r\n\r\n',
    'with a vertical tab': b'5\x0b\r\nhello\r\n0\r\n\r\n',
    'with a NUL': b'5\0\r\nhello\r\n0\r\n\r\n',
    'with a superscript': b'\xb2\r\nhe\r\n0\r\n\r\n',
    'that is empty': b'\r\nhello\r\n0\r\n\r\n',
    'of too many digits': b'10000000000000005\r\nhello\r\n0\r\n\r\n',
    'that is too small': b'3\r\nhello\r\n0\r\n\r\n',
    'that is too large': b'6\r\nhello\r\n0\r\n\r\n',
    'behind a bare LF': b'5\nhello\r\n0\r\n\r\n',
    'of data behind a bare LF': b'5\r\nhello\n0\r\n\r\n',
    'behind a bare CR': b'5\rhello\r\n0\r\n\r\n',
    'with a bare LF in its extension': b'5;a\nb\r\nhello\r\n0\r\n\r\n',
    'with a bare CR in its extension': b'5;a\rb\r\nhello\r\n0\r\n\r\n',
}
PROBES = {
    **{key: probe for name, head in BOTH.items() for key, probe in contradicting(name, head, 'chunks').items()},
    **{key: probe for name, head in FAULTY.items() for key, probe in contradicting(name, head).items()},
    **contradicting('HTTP/1.0', ('Connection: keep-alive', 'Content-Length: N', CHUNKED), 'any'),
    **{f'length {name}': Probe((f'Content-Length: {value}',), b'hello') for name, value in LENGTHS.items()},
    **{f'chunk size {name}': Probe((CHUNKED,), body) for name, body in SIZES.items()},
    'chunks without the last one': Probe((CHUNKED,), b'5\r\nhello\r\n'),
    'two lengths': Probe(('Content-Length: 0', LENGTH), SMUGGLED),
    'two lengths, the shorter one last': Probe((LENGTH, 'Content-Length: 0'), SMUGGLED),
    'two lengths that agree': Probe((LENGTH, LENGTH), SMUGGLED, (SMUGGLED,)),
    'length in a list that agrees': Probe((f'{LENGTH}, {len(SMUGGLED)}',), SMUGGLED, (SMUGGLED,)),
    'length with a space before the colon': Probe((f'Content-Length : {len(SMUGGLED)}',), SMUGGLED),
    'length with leading zeros': Probe((f'Content-Length: 00{len(SMUGGLED)}',), SMUGGLED, (SMUGGLED,)),
    'chunked with an underscore': Probe((LENGTH, 'Transfer_Encoding: chunked'), SMUGGLED, (SMUGGLED,)),
    'chunked behind a bare CR': Probe((LENGTH, 'X-A: b\rTransfer-Encoding: chunked'), SMUGGLED, (SMUGGLED,)),
    'chunked behind a bare LF': Probe((LENGTH, 'X-A: b\nTransfer-Encoding: chunked'), SMUGGLED, ()),
    'length behind a bare CR': Probe(('X-A: b\rContent-Length: 5',), b'hello', (b'',)),
    'length behind a line without a colon': Probe(('X-A', LENGTH), SMUGGLED, (SMUGGLED,)),
    'length behind a name that is empty': Probe((': a', LENGTH), SMUGGLED, (SMUGGLED,)),
    'length behind a name with a space': Probe(('X A: b', LENGTH), SMUGGLED, (SMUGGLED,)),
    'length behind a folded line': Probe(('X-A: b', ' c: d', LENGTH), SMUGGLED, (SMUGGLED,)),
    'length behind a NUL': Probe(('X-A: b\0c', LENGTH), SMUGGLED, (SMUGGLED,)),
}


class FramingSuite:
    """One request in, one request out."""

    @rule(2, FRAMING, SMUGGLING, needs='http')
    @pytest.mark.parametrize('probe', PROBES.values(), ids=PROBES)
    def test_no_request_is_smuggled(self, server: Subject, witness: Witness, probe: Probe) -> None:
        """What is hidden in a body is never taken for a request, and a body is read in one way or not at all."""
        first, hidden = new_identity(), new_identity().encode()
        head = request('/echo', *probe.headers, method='POST', version=probe.version, identity=first, close=False)
        found = exchange(server, head + probe.body.replace(HIDDEN.encode(), hidden) + LAST)
        permitted = {hashlib.sha256(each.replace(HIDDEN.encode(), hidden)).hexdigest() for each in probe.permitted}
        read = {each['digest'] for each in witness.events(first, 'body')}
        assert received(witness, hidden.decode()) == []
        assert read <= permitted
        assert read or found.refused or (witness.events(first, 'unreadable') and 200 not in found.statuses)
