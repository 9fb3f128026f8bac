"""What the tests ask a server to do: an application whose handlers can be watched and held from outside."""

import threading
import time
from collections.abc import Iterator

from bottle import Bottle, request, response

app = Bottle()
gate = threading.Event()
entered = threading.Condition()
holding = [0]


@app.post('/echo')
def echo() -> bytes:
    body: bytes = request.body.read()
    return body


@app.get('/path/<rest:path>')
def path(rest: str) -> str:
    return rest


@app.get('/environ/<key>')
def environ(key: str) -> str:
    return str(request.environ.get(key, ''))


@app.get('/hold')
def hold() -> str:
    """Stay for some seconds; `/entered` tells who is here."""
    with entered:
        holding[0] += 1
        entered.notify_all()
    time.sleep(float(request.query.seconds))
    return 'held'


@app.get('/entered/<count:int>')
def wait_until_entered(count: int) -> str:
    """Answer when so many requests are held."""
    with entered:
        return str(entered.wait_for(lambda: holding[0] >= count, timeout=10))


@app.get('/stream')
def stream() -> Iterator[bytes]:
    """Send a piece, then wait until `/open` is requested."""
    yield b'first\n'
    gate.wait(10)
    yield b'second\n'


@app.get('/open')
def open_gate() -> str:
    gate.set()
    return 'open'


@app.get('/isolated/<number:int>')
def isolated(number: int) -> dict[str, list[str]]:
    """Look at the request again and again while others run, and write to the response at each look."""
    seen = []
    for _ in range(10):
        response.set_header('X-Number', str(number))
        time.sleep(0.002)
        seen += [request.query.number, request.path.rpartition('/')[2], str(response.get_header('X-Number'))]
    return {'seen': seen}
