"""The bridge to servers of Python 2.7: such a server in a child process, the application here, SCGI between.

A child gets its listening socket as descriptor 0, and a pipe from which it reads that it is to drain; the end of the
pipe is the end of its parent, and its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from bottle.errors import BackendMissing
from bottle.serving.adapter import ServerAdapter
from bottle.serving.connections import AcceptLoop, InFlight
from bottle.serving.environ import ServerNames
from bottle.serving.scgi import respond
from bottle.serving.sockets import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bottle.serving.types import WSGIApplication

VARIABLE = 'BOTTLE_PYTHON27'
FLUP = 'flup==1.0.2'
PROBE = 'import sys; assert sys.version_info[:2] == (2, 7), "this is no Python 2.7"; import flup.client.scgi_app, {}'
PROBE_LIMIT = 30.0  # seconds that an interpreter may take to import the server
PAUSE = 0.1  # seconds between the end of a child and the start of the next one

logger = logging.getLogger('bottle.server')

# What the program of each child begins with; it is Python 2.
PREAMBLE = """
import ctypes, json, os, re, sys, time
from flup.client.scgi_app import SCGIApp

prctl = getattr(ctypes.CDLL(None), 'prctl', None)
if prctl:
    prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: a server that spins in C hears nothing of the end of its parent
given = json.loads(sys.argv[1])
orders = given['orders']
names = dict((str(name), str(value)) for name, value in given['names'].items())
bridge = SCGIApp(connect=str(given['place']))

TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(TOKEN + r' [!-~\\x80-\\xff]+ HTTP/1\\.[01]\\r?\\n')
FIELD = re.compile('(%s):([^\\0-\\x08\\x0a-\\x1f\\x7f]*)\\r?\\n' % TOKEN)


def fields_of(head):  # None: malformed (RFC 9112, sections 2.2 to 5.1); the old servers let it pass
    lines = head.splitlines(True)
    found = [FIELD.match(line) for line in lines[1:]]
    if not (lines and REQUEST_LINE.match(lines[0]) and all(found)):
        return None
    return [(each.group(1), each.group(2).strip(' \\t')) for each in found]


def refused(status, start_response):
    start_response(status, [('Content-Type', 'text/plain')])
    return [status]


def application(environ, start_response):
    sent = dict((name, value) for name, value in environ.items() if name == 'wsgi.input' or isinstance(value, str))
    sent.update(names, PATH_INFO='')  # decoded it may hold anything: the other side decodes REQUEST_URI
    if any('\\0' in value for value in sent.values() if isinstance(value, str)):  # it would end a field of SCGI
        return refused('400 Bad Request', start_response)
    head = []
    try:
        body = list(bridge(sent, lambda *given: head.extend(given)))
    except Exception:
        head = []
    if not head or 'date' not in dict(head[1]):  # flup takes nothing, or half a head, for a response
        time.sleep(0.5)  # if the parent is gone, this process ends here: whoever waits must not get a whole response
        return refused('502 Bad Gateway', start_response)
    start_response(*head)
    return body


def now():
    return os.times()[4]  # monotonic


def hear():
    if not os.read(orders, 1):
        os._exit(1)  # the parent is gone
"""


class BridgedAdapter(ServerAdapter):
    """Base class of adapters whose backend runs on Python 2.7 alone.

    The option `python` says which interpreter runs it; else the environment variable `BOTTLE_PYTHON27` does, else it is
    that of the folder `python27` in the environment of this program, where there is one, else `python2.7`.

    Attributes:
        requirement: what the interpreter must have installed besides flup, as pip takes it.
        module: what the program imports.
        program: a file of Python 2 source that serves `application` on descriptor 0, and calls `hear` and drains when
            `orders` can be read.
    """

    requirement: ClassVar[str] = ''
    module: ClassVar[str] = ''
    program: ClassVar[Path]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stopping = False
        self._children: dict[BinaryIO, socket.socket] = {}  # where each takes orders, and what it listens on

    def serve(self, handler: WSGIApplication, sockets: Sequence[socket.socket]) -> None:
        """Answer what the children hand over until they have ended, then wait for what runs."""
        requests, children = InFlight(), InFlight()
        with tempfile.TemporaryDirectory(prefix='bottle-') as folder, socket.socket(socket.AF_UNIX) as listener:
            place = str(Path(folder, 'scgi'))
            listener.bind(place)  # nobody else may enter the folder
            listener.listen(BACKLOG)
            listener.setblocking(False)

            def end() -> None:
                children.wait()
                loop.stop()

            loop = AcceptLoop(
                [listener], lambda each, _: _start_thread(requests.counted(partial(respond, each, handler)))
            )
            for each in sockets:
                _start_thread(children.counted(partial(self._keep, each, place)))
            _start_thread(end)
            loop.run()
            requests.wait()

    def stop(self) -> None:
        """Let the children drain, and listen no more."""
        self._stopping = True
        for order, listener in [*self._children.items()]:
            with contextlib.suppress(OSError, ValueError):  # it has ended
                order.write(b'.')
            listener.close()

    def interpreter(self) -> str:
        """Return the interpreter that runs the server."""
        own = Path(sys.prefix, 'python27', 'bin', 'python2.7')
        found = str(own) if own.exists() else 'python2.7'
        return str(self.options.get('python') or os.environ.get(VARIABLE) or found)

    def native_options(self) -> Collection[str]:
        """Return the names of the options."""
        return ('python',)

    def try_options(self) -> None:
        """Make sure that there is a Python 2.7 which can import the server.

        Raises:
            BackendMissing: there is none; the text holds what to type.
        """
        reason = self._fault()
        if reason:
            raise BackendMissing(
                f'the server {self.name!r} needs a Python 2.7, and {self.interpreter()} cannot run it ({reason}): '
                f'python2.7 -m pip install --pre "{self.requirement}" "{FLUP}", then name this python2.7 by its path '
                f'with the option python or the variable {VARIABLE}'
            )

    def _fault(self) -> str:
        """Return why the interpreter cannot run the server, or an empty text."""
        try:
            with self._start(PROBE.format(self.module), stdout=DEVNULL, stderr=subprocess.PIPE) as probe:
                killer = threading.Timer(PROBE_LIMIT, probe.kill)
                killer.start()
                printed = probe.communicate()[1].decode(errors='replace').split('\n')
                killer.cancel()
        except OSError as error:
            return str(error)
        found = [line for line in printed if 'Error' in line] or printed[:1]
        return (found[-1] or f'exit code {probe.returncode}') if probe.returncode else ''

    def explain(self) -> str:
        """Return what is started, as a line for the shell, with what it calls."""
        return f'{self.interpreter()} -c ... # {self.native_call}'

    def _keep(self, listener: socket.socket, place: str) -> None:
        """Run a child, and another one when it has ended by itself."""
        while code := self._run(listener, place):
            logger.error('the Python 2.7 process of %s has ended, %s: a new one is started', self.name, code)
            time.sleep(PAUSE)

    def _run(self, listener: socket.socket, place: str) -> str:
        """Run a child until it ends; return what is known of its end, if it has not been told to end."""
        names = {'SERVER_NAME': 'localhost', 'SERVER_PORT': '0', **ServerNames([listener]).of(listener)}
        reader, writer = os.pipe()
        given = {'orders': reader, 'place': place, 'names': names, 'family': listener.family, 'options': self.options}
        program = PREAMBLE + self.program.read_text(encoding='utf-8')
        streams = {'stdin': listener, 'stdout': DEVNULL, 'stderr': sys.stderr}
        with os.fdopen(reader, 'rb'), os.fdopen(writer, 'wb', buffering=0) as order:
            try:
                child = self._start(program, json.dumps(given), **streams, pass_fds=[reader])
            except OSError as error:
                return '' if self._stopping else str(error)
            self._children[order] = listener
            if self._stopping:
                self.stop()
            code = child.wait()
            del self._children[order]
        return '' if self._stopping else f'exit code {code}'

    def _start(self, program: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        command = [self.interpreter(), '-uWignore', '-c', program, *arguments]
        return subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603  # the interpreter that the user names, no shell


def _start_thread(task: Any) -> None:
    threading.Thread(target=task, daemon=True).start()
