"""Bottle: a slim WSGI framework whose server adapters are plugins.

This module only re-exports. What not every program needs is imported when its name is first used (PEP 562): templates,
uploads, static files, and everything that knows about servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bottle._ext import register as register_extensions
from bottle._util import (
    DictProperty,
    cached_property,
    html_escape,
    html_quote,
    json_dumps,
    json_lds,
    json_loads,
    lazy_attribute,
    load,
    makelist,
    settings,
    tob,
    touni,
)
from bottle.applications import (
    AppStack,
    Bottle,
    app,
    apps,
    debug,
    default_app,
    delete,
    error,
    get,
    hook,
    install,
    load_app,
    mount,
    patch,
    post,
    put,
    route,
    uninstall,
    url,
)
from bottle.casting import WSGIFileWrapper
from bottle.config import ConfigDict, ResourceManager
from bottle.cookies import cookie_decode, cookie_encode, cookie_is_encoded
from bottle.datastructures import FormsDict, HeaderDict, MultiDict, WSGIHeaderDict
from bottle.errors import (
    BottleException,
    PluginError,
    RouteBuildError,
    RouteError,
    RouterUnknownModeError,
    RouteSyntaxError,
    StplSyntaxError,
    TemplateError,
)
from bottle.httputil import HTTP_CODES, http_date, parse_auth, parse_date, parse_range_header, path_shift
from bottle.plugins import JSONPlugin, TemplatePlugin
from bottle.requests import BaseRequest, LocalRequest, Request, request
from bottle.responses import (
    ERROR_PAGE_TEMPLATE,
    BaseResponse,
    HeaderProperty,
    HTTPError,
    HTTPResponse,
    LocalResponse,
    Response,
    abort,
    response,
)
from bottle.routing import Route, Router, yieldroutes

if TYPE_CHECKING:
    from bottle.engines import (
        CheetahTemplate,
        Jinja2Template,
        MakoTemplate,
        cheetah_template,
        cheetah_view,
        jinja2_template,
        jinja2_view,
        mako_template,
        mako_view,
    )
    from bottle.forms import MultipartError
    from bottle.serving.adapter import Capabilities, ServerAdapter
    from bottle.serving.hookspecs import hookimpl
    from bottle.serving.registry import server_names
    from bottle.serving.reloader import FileCheckerThread
    from bottle.serving.runner import run, start
    from bottle.shortcuts import auth_basic, redirect, static_file
    from bottle.stpl import StplParser
    from bottle.templating import TEMPLATE_PATH, TEMPLATES, BaseTemplate, SimpleTemplate, template, view
    from bottle.uploads import FileUpload

    DEBUG: bool
    NORUN: bool

__version__ = '1.0.0'

register_extensions()

_LAZY = {
    'bottle.engines': (
        'CheetahTemplate',
        'Jinja2Template',
        'MakoTemplate',
        'cheetah_template',
        'cheetah_view',
        'jinja2_template',
        'jinja2_view',
        'mako_template',
        'mako_view',
    ),
    'bottle.forms': ('MultipartError',),
    'bottle.stpl': ('StplParser',),
    'bottle.templating': ('TEMPLATES', 'TEMPLATE_PATH', 'BaseTemplate', 'SimpleTemplate', 'template', 'view'),
    'bottle.serving.adapter': ('Capabilities', 'ServerAdapter'),
    'bottle.serving.hookspecs': ('hookimpl',),
    'bottle.serving.registry': ('server_names',),
    'bottle.serving.reloader': ('FileCheckerThread',),
    'bottle.serving.runner': ('run', 'start'),
    'bottle.shortcuts': ('auth_basic', 'redirect', 'static_file'),
    'bottle.uploads': ('FileUpload',),
}

# The adapter classes of Bottle 0.13 by the names of their servers: their distributions may not be installed.
_ADAPTERS = {
    'AiohttpServer': 'aiohttp',
    'AiohttpUVLoopServer': 'uvloop',
    'AppEngineServer': 'gae',
    'AutoServer': 'auto',
    'BjoernServer': 'bjoern',
    'CGIServer': 'cgi',
    'CherootServer': 'cheroot',
    'CherryPyServer': 'cherrypy',
    'DieselServer': 'diesel',
    'EventletServer': 'eventlet',
    'FapwsServer': 'fapws3',
    'FlupFCGIServer': 'flup',
    'GeventServer': 'gevent',
    'GunicornServer': 'gunicorn',
    'MeinheldServer': 'meinheld',
    'PasteServer': 'paste',
    'RocketServer': 'rocket',
    'TornadoServer': 'tornado',
    'TwistedServer': 'twisted',
    'WSGIRefServer': 'wsgiref',
    'WaitressServer': 'waitress',
}

__all__ = [
    'DEBUG',
    'ERROR_PAGE_TEMPLATE',
    'HTTP_CODES',
    'NORUN',
    'TEMPLATES',
    'TEMPLATE_PATH',
    'AppStack',
    'BaseRequest',
    'BaseResponse',
    'BaseTemplate',
    'Bottle',
    'BottleException',
    'Capabilities',
    'CheetahTemplate',
    'ConfigDict',
    'DictProperty',
    'FileCheckerThread',
    'FileUpload',
    'FormsDict',
    'HTTPError',
    'HTTPResponse',
    'HeaderDict',
    'HeaderProperty',
    'JSONPlugin',
    'Jinja2Template',
    'LocalRequest',
    'LocalResponse',
    'MakoTemplate',
    'MultiDict',
    'MultipartError',
    'PluginError',
    'Request',
    'ResourceManager',
    'Response',
    'Route',
    'RouteBuildError',
    'RouteError',
    'RouteSyntaxError',
    'Router',
    'RouterUnknownModeError',
    'ServerAdapter',
    'SimpleTemplate',
    'StplParser',
    'StplSyntaxError',
    'TemplateError',
    'TemplatePlugin',
    'WSGIFileWrapper',
    'WSGIHeaderDict',
    'abort',
    'app',
    'apps',
    'auth_basic',
    'cached_property',
    'cheetah_template',
    'cheetah_view',
    'cookie_decode',
    'cookie_encode',
    'cookie_is_encoded',
    'debug',
    'default_app',
    'delete',
    'error',
    'get',
    'hook',
    'hookimpl',
    'html_escape',
    'html_quote',
    'http_date',
    'install',
    'jinja2_template',
    'jinja2_view',
    'json_dumps',
    'json_lds',
    'json_loads',
    'lazy_attribute',
    'load',
    'load_app',
    'makelist',
    'mako_template',
    'mako_view',
    'mount',
    'parse_auth',
    'parse_date',
    'parse_range_header',
    'patch',
    'path_shift',
    'post',
    'put',
    'redirect',
    'request',
    'response',
    'route',
    'run',
    'server_names',
    'start',
    'static_file',
    'template',
    'tob',
    'touni',
    'uninstall',
    'url',
    'view',
    'yieldroutes',
]


def __getattr__(name: str) -> Any:
    """Find the names that are not imported at once; AttributeError tells what to install for an adapter's class."""
    if name in ('DEBUG', 'NORUN'):
        return getattr(settings, name.lower())
    if name in _ADAPTERS:
        return _adapter(name)
    value = _special(name) if name in ('ext', 'local') else _imported(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return all public names, those included that are not imported yet."""
    return sorted({*globals(), *__all__, *_ADAPTERS, 'ext', 'local'})


def _imported(name: str) -> Any:
    from importlib import import_module

    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def _special(name: str) -> Any:
    if name == 'local':
        from threading import local

        return local()
    from importlib import import_module

    return import_module('bottle.ext')


def _adapter(name: str) -> Any:
    from bottle.errors import ServerError
    from bottle.serving.registry import server_names

    try:
        return server_names[_ADAPTERS[name]]
    except ServerError as error:
        raise AttributeError(f'{name}: {error}') from error
