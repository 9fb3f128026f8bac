"""What an adapter declares is what its server can do, neither more nor less."""

import pytest

from bottle import server_names
from tests.support.measuring import measure

PERSISTENT = [name for name in server_names if name != 'auto' and server_names[name].capabilities.prebound_sockets]


@pytest.mark.parametrize('name', PERSISTENT)
def test_what_is_declared_is_what_is_measured(name: str) -> None:
    assert measure(name) == server_names[name].capabilities
