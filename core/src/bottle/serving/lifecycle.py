"""From the first signal to the last request: how a server is stopped, and the handle of one that was started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from bottle.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    from bottle.serving.adapter import ServerAdapter

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_SIGNAL = 0.1  # seconds: what sends to a process and to its group sends twice, and is not impatient


class Drain:
    """Turns signals into a drain for the length of a `with` block; does nothing outside the main thread.

    The first signal asks the server to stop; a second one, or the end of the grace period, ends the process at once.

    Parameters:
        stop: makes the server accept no more and return; must not block.
        clean_up: what must be done even when the process ends at once.
        graceful_timeout: how long running requests may take, in seconds.
        supervised: whether a parent decides when it has been enough: only SIGTERM drains then, and a second one, which
            a service manager sends to every process of the group, does nothing.
    """

    def __init__(
        self,
        stop: Callable[[], object],
        clean_up: Callable[[], object],
        graceful_timeout: float,
        *,
        supervised: bool = False,
    ) -> None:
        self._stop = stop
        self._clean_up = clean_up
        self._graceful_timeout = graceful_timeout
        self._supervised = supervised
        self._stopped_at = 0.0
        self._previous: dict[signal.Signals, Any] = {}
        self._stopping = False

    def __enter__(self) -> Self:
        """Install the handlers."""
        if threading.current_thread() is threading.main_thread():
            self._previous = {each: signal.signal(each, self._on_signal) for each in self._signals()}
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Put back the handlers that were there before."""
        if self._stopping:
            _cancel_alarm()
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stopping:
            if not self._supervised and time.monotonic() > self._stopped_at + SAME_SIGNAL:
                self._end_at_once(128 + number)
            return
        self._stopping = True
        self._stopped_at = time.monotonic()
        _set_alarm(self._graceful_timeout, self._on_timeout)
        self._stop()

    def _signals(self) -> tuple[signal.Signals, ...]:
        return (signal.SIGTERM,) if self._supervised else SIGNALS

    def _on_timeout(self, *_: object) -> None:
        seconds = f'{self._graceful_timeout:g} s'
        print(f'bottle: requests were still running {seconds} after the signal to stop; they were cut', file=sys.stderr)
        self._end_at_once(1)

    def _end_at_once(self, code: int) -> None:
        with contextlib.suppress(Exception):
            self._clean_up()
        with contextlib.suppress(Exception):
            sys.stderr.flush()
            sys.stdout.flush()
        os._exit(code)  # threads that still answer a request would keep sys.exit() waiting


def _set_alarm(seconds: float, callback: Callable[..., object]) -> None:
    """Call back after a time. An alarm signal reaches the main thread even when a monkey-patched timer would starve."""
    if hasattr(signal, 'setitimer'):
        signal.signal(signal.SIGALRM, callback)
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    else:
        timer = threading.Timer(seconds, callback)
        timer.daemon = True
        timer.start()


def _cancel_alarm() -> None:
    if hasattr(signal, 'setitimer'):
        signal.setitimer(signal.ITIMER_REAL, 0)


def tell_to_stop(adapter: ServerAdapter) -> None:
    """Make an adapter stop, after it was noted that it will: who asks meanwhile is told so.

    Parameters:
        adapter: the adapter.
    """
    adapter.draining = True
    adapter.stop()


class RunningServer:
    """The handle of a server that `start` runs in a thread of this process; a context manager that stops it at the end.

    Parameters:
        adapter: the adapter, with its sockets bound.
        serve: serves until the adapter is stopped; run in the thread.

    Attributes:
        adapter: the adapter.
        url: for example `http://127.0.0.1:8080/`.
    """

    def __init__(self, adapter: ServerAdapter, serve: Callable[[], None]) -> None:
        self.adapter = adapter
        self.url = adapter.url
        self._serve = serve
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f'bottle-{adapter.name}', daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port, as the system has assigned it; 0 on a unix socket."""
        return self.adapter.port

    def stop(self, timeout: float | None = 30.0) -> None:
        """Accept no more, let running requests finish and wait until the server has stopped.

        Parameters:
            timeout: how long to wait, in seconds; None waits for ever.

        Raises:
            TimeoutError: requests were still running.
        """
        if self._thread.is_alive():
            tell_to_stop(self.adapter)
        if not self.wait(timeout):
            raise TimeoutError(f'{self.adapter!r} still runs requests {timeout:g} seconds after stop()')

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped.

        Parameters:
            timeout: how long to wait, in seconds; None waits for ever.

        Returns:
            Whether it has stopped.

        Raises:
            Exception: what ended the server, if it was not `stop`.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return True

    def __enter__(self) -> Self:
        """Return the handle."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop the server."""
        self.stop()

    def __repr__(self) -> str:
        return f'<RunningServer {self.adapter.name} {self.url}>'

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001  # handed over to whoever waits
            self._error = error


@contextlib.contextmanager
def one_line_errors(debug: bool) -> Iterator[None]:
    """Let a start-up error that nobody catches end the program with its one line instead of a traceback.

    The exception itself is raised as ever, so that a program may catch it.

    Parameters:
        debug: whether the traceback is wanted.
    """
    try:
        yield
    except ServerError as error:
        if not debug:
            _report_in_one_line(error)
        raise


def _report_in_one_line(error: ServerError) -> None:
    previous = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if value is error:
            print(f'bottle: {value}', file=sys.stderr)
        else:
            previous(kind, value, traceback)

    sys.excepthook = report
