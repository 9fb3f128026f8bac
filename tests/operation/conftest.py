"""Servers that keep running, as they are operated: options, workers, reloading, logs, a proxy in front."""

from tests.serving.conftest import own, pytest_generate_tests, shared

__all__ = ['own', 'pytest_generate_tests', 'shared']
