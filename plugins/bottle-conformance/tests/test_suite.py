"""The kit on the server of the standard library."""

from bottle_conformance import ServerSuite


class TestWsgiref(ServerSuite):
    server_name = 'wsgiref'
