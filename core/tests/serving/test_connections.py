"""Accepting and draining, below any server."""

import resource
import socket
import ssl
import threading
import time
from contextlib import closing

import pytest

from bottle.serving.connections import LINGER, AcceptLoop, InFlight, WaitingConnections
from bottle.serving.sockets import listen
from bottle.serving.tls import adhoc_certificate, encrypted, server_context


class Idler(threading.Thread):
    """A connection that is read as a server does: until the client has sent something, or nothing more can come."""

    def __init__(
        self, connections: WaitingConnections, *, reused: bool = False, context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        plain, self.client = socket.socketpair()
        self.server = encrypted(plain, context) if context else plain
        self.server.settimeout(5)
        self.client.settimeout(5)
        self.received: list[bytes] = []
        self.ended = 0.0
        self._connections = connections
        self._reused = reused
        self.entered = threading.Event()
        self.start()

    def run(self) -> None:
        with self._connections.waiting(self.server, reused=self._reused):
            self.entered.set()
            while piece := self.server.recv(10):
                self.received.append(piece)
                if piece.endswith(b'\n'):
                    break
        self.ended = time.monotonic()

    def finished(self) -> list[bytes]:
        """Return what was received."""
        self.join(5)
        assert not self.is_alive()
        self.server.close()
        self.client.close()
        return self.received


def test_a_client_that_was_active_just_now_may_send_once_more() -> None:
    connections = WaitingConnections()
    idler = Idler(connections)
    assert idler.entered.wait(5)
    drain = threading.Thread(target=connections.drain)
    drain.start()
    time.sleep(LINGER / 2)
    assert drain.is_alive()
    idler.client.sendall(b'GET\n')
    assert idler.finished() == [b'GET\n']
    drain.join(LINGER / 4)  # with nobody left it ends at once
    assert not drain.is_alive()


def test_what_has_been_idle_for_long_is_ended_at_once_and_the_rest_in_its_time() -> None:
    connections = WaitingConnections()
    long_idle = Idler(connections)
    assert long_idle.entered.wait(5)
    time.sleep(LINGER)
    started = time.monotonic()
    just_idle = Idler(connections)
    assert just_idle.entered.wait(5)
    connections.drain()
    assert (long_idle.finished(), just_idle.finished()) == ([], [])
    assert long_idle.ended - started < LINGER / 2
    assert LINGER <= just_idle.ended - started < LINGER * 1.5


def test_nobody_waits_where_nobody_is_idle() -> None:
    connections, pauses = WaitingConnections(), list[float]()
    connections.drain(pauses.append)
    assert pauses == []


def test_the_given_sleep_lets_the_time_pass() -> None:
    connections, pauses = WaitingConnections(), list[float]()
    idler = Idler(connections)
    assert idler.entered.wait(5)

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        idler.client.sendall(b'\n')
        idler.join(5)

    connections.drain(sleep)
    assert idler.finished() == [b'\n']
    assert len(pauses) == 1


@pytest.mark.parametrize('age', [0.0, LINGER])
def test_what_a_client_sent_before_the_drain_is_still_read(age: float) -> None:
    connections = WaitingConnections()
    server, client = socket.socketpair()
    with closing(server), closing(client), connections.waiting(server):
        time.sleep(age)
        client.sendall(b'GET')
        drain = threading.Thread(target=connections.drain)
        drain.start()
        time.sleep(LINGER / 2)
        assert server.recv(10) == b'GET'
        server.settimeout(5)
        assert server.recv(10) == b''  # half a request line is ended all the same
        drain.join(5)
        assert not drain.is_alive()


@pytest.mark.parametrize(('reused', 'rest'), [(True, LINGER), (False, LINGER / 2)])
def test_a_connection_that_begins_to_wait_during_the_drain_has_its_time(reused: bool, rest: float) -> None:
    connections = WaitingConnections()
    connections.drain()
    time.sleep(LINGER / 2)
    started = time.monotonic()
    silent, active = Idler(connections, reused=reused), Idler(connections, reused=reused)
    time.sleep(rest / 2)
    active.client.sendall(b'GET\n')
    assert (active.finished(), silent.finished()) == ([b'GET\n'], [])
    assert rest <= silent.ended - started < rest + LINGER / 4
    assert active.ended < silent.ended


@pytest.mark.parametrize('reused', [True, False])
def test_half_a_request_line_during_the_drain_does_not_hold_it(reused: bool) -> None:
    connections = WaitingConnections()
    connections.drain()
    idlers = [Idler(connections, reused=reused) for _ in range(3)]
    for idler in idlers:
        idler.client.sendall(b'GET')
    assert [idler.finished() for idler in idlers] == [[b'GET']] * 3
    later = Idler(connections, reused=reused)  # the thread that looked after the others may have ended
    assert later.finished() == []


def test_connections_with_tls_are_ended_in_the_same_way() -> None:
    certificate, key = adhoc_certificate()
    connections = WaitingConnections()
    silent, active, speechless = (Idler(connections, context=server_context(certificate, key)) for _ in range(3))
    trusting = ssl.create_default_context(cafile=certificate)
    encrypted_clients = [trusting.wrap_socket(each.client, server_hostname='localhost') for each in (silent, active)]
    drain = threading.Thread(target=connections.drain)
    drain.start()
    encrypted_clients[1].sendall(b'GET\n')
    assert (active.finished(), silent.finished(), speechless.finished()) == ([b'GET\n'], [], [])
    drain.join(5)
    assert not drain.is_alive()
    for each in encrypted_clients:
        each.close()


def test_a_connection_that_does_not_wait_is_not_touched() -> None:
    server, client = socket.socketpair()
    connections = WaitingConnections()
    with closing(server), closing(client):
        with connections.waiting(server):
            pass
        connections.drain()
        client.sendall(b'body')
        assert server.recv(10) == b'body'


def test_a_stop_before_the_loop_accepts_what_waits_and_returns() -> None:
    accepted: list[socket.socket] = []
    with closing(listen('127.0.0.1', 0)) as listener:
        clients = [socket.create_connection(listener.getsockname(), timeout=5) for _ in range(5)]
        loop = AcceptLoop([listener], lambda connection, _: accepted.append(connection))
        loop.stop()
        loop.run()
        loop.stop()  # a second one has nothing to stop
    for each in [*clients, *accepted]:
        each.close()
    assert len(accepted) == 5


def test_a_handler_that_fails_does_not_end_the_loop() -> None:
    served = threading.Event()

    def handle(connection: socket.socket, _: object) -> None:
        if not served.is_set():
            served.set()
            raise RuntimeError('no thread to be had')
        connection.sendall(b'ok')
        connection.close()

    with closing(listen('127.0.0.1', 0)) as listener:
        loop = AcceptLoop([listener], handle)
        thread = threading.Thread(target=loop.run)
        thread.start()
        with closing(socket.create_connection(listener.getsockname(), timeout=5)) as refused:
            assert refused.recv(10) == b''
        with closing(socket.create_connection(listener.getsockname(), timeout=5)) as answered:
            assert answered.recv(10) == b'ok'
        loop.stop()
        thread.join(5)
        assert not thread.is_alive()


def test_out_of_files_the_loop_rests_and_recovers() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    answered = threading.Event()

    def handle(connection: socket.socket, _: object) -> None:
        connection.close()
        answered.set()

    with closing(listen('127.0.0.1', 0)) as listener:
        loop = AcceptLoop([listener], handle)
        thread = threading.Thread(target=loop.run)
        thread.start()
        socket.create_connection(listener.getsockname(), timeout=5).close()
        assert answered.wait(5)  # the loop runs and has its own files
        answered.clear()
        with closing(socket.socket()) as client:
            highest = client.fileno() + 1
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
                client.connect(listener.getsockname())
                before = time.process_time()
                assert not answered.wait(0.6)
                assert time.process_time() - before < 0.2  # it must not spin
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert answered.wait(2)
        loop.stop()
        thread.join(5)
        assert not thread.is_alive()


def test_waiting_for_what_is_in_flight() -> None:
    running, release = InFlight(), threading.Event()
    task = running.counted(lambda: release.wait(5))
    waiter = threading.Thread(target=running.wait)
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()  # the task is counted before it begins
    release.set()
    task()
    waiter.join(5)
    assert not waiter.is_alive()
