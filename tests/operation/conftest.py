"""Servers that keep running, as they are operated: options, workers, reloading, logs, a proxy in front."""

import pytest

from tests.serving.conftest import own, persistent_servers, shared

__all__ = ['own', 'shared']

BY_DAY = ('gevent', 'waitress')  # greenlets and threads: the kit asks every server for the same, in fewer variants


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a `server_name` on each server."""
    if 'server_name' in metafunc.fixturenames:
        metafunc.parametrize('server_name', persistent_servers(BY_DAY), scope='module')
