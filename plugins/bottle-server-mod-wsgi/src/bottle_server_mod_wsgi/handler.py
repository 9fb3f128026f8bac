"""What Apache is set up with by mod_wsgi-express, and how mod_wsgi calls an application."""

from __future__ import annotations

import os
import threading
from contextlib import redirect_stdout
from io import StringIO
from optparse import OptionParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mod_wsgi.express.options import option_list
from mod_wsgi.express.server import ConfigurationError, setup_server

from bottle.errors import ServerOptionError
from bottle.serving.environ import latin1_path
from bottle.serving.responses import strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bottle.serving.types import Environ, StartResponse, WSGIApplication

# How the names of options begin that are ours to say, or that serve something else than this program.
OURS: tuple[str, ...] = ('access_log', 'application_type', 'callable', 'chunked', 'debug', 'document', 'embedded')
OURS += ('enable_cov', 'enable_deb', 'enable_docs', 'enable_gdb', 'enable_prof', 'enable_rec', 'entry', 'error_log')
OURS += ('handler_', 'host', 'isatty', 'lang', 'log_dir', 'log_to', 'mount_point', 'pid_file', 'port', 'process_g')
OURS += ('reload', 'rotate', 'server_root', 'setup_only', 'startup_log', 'with_', 'working')
# Every path is the application's affair.
SETTINGS = """\
AllowEncodedSlashes NoDecode
ErrorDocument 500 "Internal Server Error"
WSGIScriptAlias / '{}/handler.wsgi' process-group=bottle application-group=%{{GLOBAL}}
"""
SCRIPT = """\
from bottle.serving.embedded import application
handle_request = application()
"""
# The core limits bodies; nobody knows how long an import or a request may take; who sends slowly keeps a thread.
DEFAULTS = {'limit_request_body': 0, 'startup_timeout': 0, 'request_timeout': 0, 'max_clients': 256}
# Apache refuses to answer as root: without `user` it does so as an ordinary user, to whom belongs what is root's.
UNPRIVILEGED = '1000'
NAMESPACE = ['unshare', '--user', f'--map-user={UNPRIVILEGED}', f'--map-group={UNPRIVILEGED}', '--']
NEWEST = 'HTTP/2.0'


def defaults() -> dict[str, Any]:
    """Return the options of mod_wsgi-express, with what they are if nobody gives them."""
    return {**vars(OptionParser(option_list=option_list).get_default_values()), 'locale': 'C.UTF-8', **DEFAULTS}


def set_up(folder: str, host: str, port: int, options: dict[str, Any]) -> list[str]:
    """Have the configuration of Apache written, and return the command that starts it.

    Parameters:
        folder: where to write it.
        host: the address that Apache listens on.
        port: its port.
        options: those of mod_wsgi-express.

    Raises:
        ServerOptionError: mod_wsgi-express refuses them.
    """
    root = Path(folder)
    root.chmod(0o755)  # Apache may answer as another user
    (root / 'bottle.conf').write_text(SETTINGS.format(root))
    (root / 'bottle.wsgi').write_text(SCRIPT)
    drops = os.geteuid() == 0 and not options.get('user')
    account = {'user': f'#{UNPRIVILEGED}', 'group': f'#{UNPRIVILEGED}'} if drops else {}
    given = {**defaults(), **account, **options, 'port': port, 'host': f'[{host}]' if ':' in host else host}
    given |= {'include_files': [*options.get('include_files', []), f'{folder}/bottle.conf'], 'chunked_request': True}
    given |= {'server_root': folder, 'working_directory': folder, 'process_group': 'bottle'}
    given |= {'callable_object': 'handle_request', 'error_log_format': '[%l] %M'}
    # With log_to_terminal it would empty the file that standard error may be.
    given |= {'log_directory': '/dev', 'error_log_name': 'stderr'}
    try:
        with redirect_stdout(StringIO()):
            setup_server('setup-server', [f'{folder}/bottle.wsgi'], given)
    except (ConfigurationError, TypeError, ValueError, KeyError) as error:
        raise ServerOptionError(f'mod_wsgi-express refuses its options: {error}') from error
    written = root / 'httpd.conf'  # a name, which an IPv6 address is not
    written.write_text(written.read_text().replace(f'ServerName {given["host"]}\n', 'ServerName localhost\n', 1))
    return [*(NAMESPACE if drops else []), f'{folder}/apachectl', 'start', '-DFOREGROUND']


def shutdown() -> threading.Event:
    """Return what is set when this process of Apache is told to end."""
    import mod_wsgi

    told = threading.Event()
    mod_wsgi.subscribe_shutdown(lambda *_, **__: told.set())
    return told


def mended(handler: WSGIApplication) -> WSGIApplication:
    """Return an application as mod_wsgi is to call it.

    Parameters:
        handler: the WSGI application; it gets PATH_INFO as it was sent, and nothing of a version that nobody knows.
    """

    def run(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ['SERVER_PROTOCOL'] > NEWEST:
            start_response('505 HTTP Version Not Supported', [('Content-Length', '0')])
            return []
        environ['PATH_INFO'] = latin1_path(environ['REQUEST_URI'])
        return handler(environ, start_response)

    return strict(run)
