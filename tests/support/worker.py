"""Calls the functions of one module, in a process of its own, for whoever writes a line of JSON per call.

`python -m tests.support.worker MODULE` runs on the Bottle that is first on the path: so one module runs on two.
"""

import importlib
import json
import os
import sys
import time
from typing import Any


def answer(module: Any, line: str) -> dict[str, Any]:
    """Return what a function gave, or the name of what it raised, and the CPU seconds that it took."""
    order = json.loads(line)
    begin = time.process_time()
    try:
        outcome = {'value': getattr(module, order['function'])(**order['arguments'])}
    except BaseException as error:  # noqa: BLE001  # whatever gets out is what the caller asks about
        outcome = {'raised': type(error).__name__, 'message': str(error)}
    return {**outcome, 'cpu': time.process_time() - begin}


def main() -> None:
    """Answer until the other end closes the pipe."""
    replies = os.fdopen(os.dup(1), 'w', encoding='ascii')
    os.dup2(2, 1)  # what an application prints must not look like a reply
    module = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        replies.write(json.dumps(answer(module, line)) + '\n')
        replies.flush()


if __name__ == '__main__':
    main()
