"""Accepting and draining, below any server."""

import resource
import socket
import threading
import time
from contextlib import closing

from bottle.serving.connections import AcceptLoop, InFlight, WaitingConnections
from bottle.serving.sockets import listen


def test_what_a_client_sent_before_the_drain_is_still_read() -> None:
    server, client = socket.socketpair()
    connections = WaitingConnections()
    with closing(server), closing(client), connections.waiting(server):
        client.sendall(b'GET')
        connections.drain()
        assert server.recv(10) == b'GET'
        assert server.recv(10) == b''


def test_a_connection_that_begins_to_wait_during_the_drain_ends_at_once() -> None:
    server, client = socket.socketpair()
    connections = WaitingConnections()
    connections.drain()
    with closing(server), closing(client), connections.waiting(server):
        assert server.recv(10) == b''


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
