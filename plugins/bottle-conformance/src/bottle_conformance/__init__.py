"""A conformance kit for WSGI servers: does a server adapter of Bottle keep its promises?

    pytest --pyargs bottle_conformance --bottle-server NAME

In the repository of an adapter, a subclass of `ServerSuite` runs the same tests.
"""

from bottle_conformance.deviations import Deviation
from bottle_conformance.suite import ServerSuite

__all__ = ['Deviation', 'ServerSuite']
__version__ = '1.0.0'
