"""Bottle: a slim WSGI framework whose server adapters are plugins."""

__version__ = '1.0.0'
