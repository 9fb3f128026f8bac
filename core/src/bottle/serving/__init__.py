"""The serving wing: finds server adapters, binds sockets, runs applications and drains them.

What the author of an adapter needs is exported here; everything else is found in the module that its name says.
"""

from bottle.serving.adapter import AcceptingAdapter, Backend, Capabilities, ServerAdapter
from bottle.serving.hookspecs import hookimpl

__all__ = ['AcceptingAdapter', 'Backend', 'Capabilities', 'ServerAdapter', 'hookimpl']
