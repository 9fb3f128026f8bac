"""Every installed server that keeps running, as it is operated: options, workers, reloading, logs, a proxy in front."""

from tests.serving.conftest import own, pytest_generate_tests, shared

__all__ = ['own', 'pytest_generate_tests', 'shared']
