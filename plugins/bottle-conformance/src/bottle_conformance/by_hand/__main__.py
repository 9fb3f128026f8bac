"""Start a backend by hand: `python -m bottle_conformance.by_hand NAME MODULE:APPLICATION`."""

from __future__ import annotations

import sys
from importlib import import_module


def ready(port: int) -> None:
    """Say where the backend listens.

    Parameters:
        port: the real port.
    """
    print(f'Listening on http://127.0.0.1:{port}/', file=sys.stderr, flush=True)


def main(name: str, application: str) -> None:
    """Serve an application.

    Parameters:
        name: the name of the server, and of the module beside this one.
        application: where the WSGI application is: `module:name`.
    """
    module, _, attribute = application.partition(':')
    backend = import_module(f'bottle_conformance.by_hand.{name}')
    backend.serve(getattr(import_module(module), attribute), ready)


if __name__ == '__main__':
    main(*sys.argv[1:])
