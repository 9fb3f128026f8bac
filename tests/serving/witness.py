"""The probe, with witnesses of what else a server was told: how many requests run at once."""

import time
from importlib import import_module

from bottle import Bottle

app: Bottle = import_module('probe').app  # beside this file, in the processes that serve it

present = [0]
most = [0]


@app.get('/crowd')
def crowd() -> str:
    """Stay for a moment among the others."""
    present[0] += 1
    most[0] = max(most[0], present[0])
    time.sleep(0.2)
    present[0] -= 1
    return 'left'


@app.get('/most')
def most_at_once() -> str:
    return str(most[0])
