"""An application of Bottle: whose `request` and `response` must be each client's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bottle import Bottle, request, response

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKS = 5
PAUSE = 0.004  # seconds of work between two looks, in which others run

application = Bottle()


def look() -> str:
    """Return what request and response say about the client, after others had a chance to run."""
    time.sleep(PAUSE)
    seen = {str(request.query['number']), request.path.rpartition('/')[2], str(response.headers['X-Number'])}
    return ' '.join(sorted(seen))


@application.route('/bottle/whole/<number>', ['GET', 'POST'])
def whole(number: str) -> str:
    """Answer with what is seen while the handler runs, and the body of the request.

    Parameters:
        number: that of the client.
    """
    response.headers['X-Number'] = number
    seen = {look() for _ in range(LOOKS)} | {request.body.read().decode() or number}
    return ' '.join(sorted(seen))


@application.get('/bottle/streamed/<number>')
def streamed(number: str) -> Iterator[str]:
    """Answer with what is seen while the body is sent.

    Parameters:
        number: that of the client.
    """
    response.headers['X-Number'] = number
    for _ in range(LOOKS):
        yield look() + '\n'
