"""Backends started by their own API, as their documentation says: what an adapter may never be worse than.

Each module has one function, `serve(application, ready)`: it serves on a free port of 127.0.0.1 and calls `ready(port)`
when it listens.
"""
