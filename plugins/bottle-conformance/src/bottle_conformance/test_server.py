"""What `pytest --pyargs bottle_conformance --bottle-server NAME` runs."""

from bottle_conformance.suite import ServerSuite


class TestServer(ServerSuite):
    """The server that `--bottle-server` names."""
