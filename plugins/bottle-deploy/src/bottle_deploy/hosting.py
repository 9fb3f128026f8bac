"""Sites of web servers that run an application themselves: Apache and lighttpd, whatever it is that answers in them."""

from __future__ import annotations

import math
from textwrap import indent
from typing import TYPE_CHECKING

from bottle.serving.addresses import format_bind
from bottle_deploy import checking, patterns
from bottle_deploy.errors import DeployError
from bottle_deploy.target import fill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bottle_deploy.plan import Plan

SITE = frozenset(
    {'name', 'directory', 'python', 'listen', 'host', 'static', 'certfile', 'keyfile', 'timeout', 'max_body', 'env'}
)
PACKAGED = {'apache': (80, 443), 'lighttpd': (80,)}  # the ports that a packaged web server listens on by itself
APACHE_MODULES = ('mpm_event', 'authz_core', 'mime', 'alias', 'headers')
# What clients say of themselves in these headers; the web server itself knows it.
FORWARDED = ('For', 'Host', 'Port', 'Prefix', 'Proto')
CLAIMS = ('Forwarded', 'X-Real-IP', *(f'X-Forwarded-{each}' for each in FORWARDED))
TRIAL = frozenset({'httpd.conf', 'lighttpd.conf'})  # what serves a site alone


def quote_apache(value: str) -> str:
    """Return a value as Apache reads it: in double quotes.

    Parameters:
        value: the text.

    Raises:
        DeployError: it holds `${`, which begins a variable even there and cannot be escaped.
    """
    if '${' in value:
        raise DeployError(f'Apache cannot have ${{ in {value!r}: rename it')
    escaped = value.replace('\\', '\\\\').replace('"', '\\"')
    return f'"{escaped}"'


def apache_folder(path: str) -> str:
    """Return the path of a folder as `<Directory>` of Apache takes it, which is no pattern.

    Parameters:
        path: the path.

    Raises:
        DeployError: it would be a pattern.
    """
    if set(path) & set('*?['):
        raise DeployError(f'Apache would take {path!r} for a pattern: rename it')
    return path


def quote_lighttpd(value: str) -> str:
    """Return a value as lighttpd reads it: in double quotes, where a backslash is one unless a quote follows.

    Parameters:
        value: the text.

    Raises:
        DeployError: it ends in a backslash, and the closing quote would belong to it.
    """
    if value.endswith('\\'):
        raise DeployError(f'lighttpd cannot have a backslash at the end of {value!r}: rename it')
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


def apache_files(plan: Plan, name: str, modules: Sequence[str], inner: str) -> dict[str, str]:
    """Return a site of Apache, and a main file that serves it alone.

    Parameters:
        plan: what is to be deployed.
        name: what the file of the site is called.
        modules: those that `inner` needs.
        inner: the directives that let the application answer, indented once.
    """
    host, port = plan.listening
    address = format_bind(host, port) if host else str(port)
    exact = [each for each in plan.host if '*' not in each]
    wildcards = [each for each in plan.host if '*' in each]
    tls = ('ssl',) if plan.tls else ()
    facts = {
        'plan': plan,
        'name': name,
        'inner': inner,
        'address': address,
        'packaged': port in PACKAGED['apache'],
        'server': (exact or [plan.name])[0],
        'aliases': exact[1:] + wildcards if plan.host else ['*'],
        'hosts': patterns.hosts(plan.host),
        'static': longest_first(plan),
        'claims': CLAIMS,
        'granted': apache_folder,
        'needed': ('headers', *modules, *tls),
        'loaded': (*APACHE_MODULES, *modules, *(('socache_shmcb', *tls) if tls else ())),
    }
    site, trial = (fill(f'apache-host{each}.conf.tpl', quote_apache, **facts) for each in ('', '-trial'))
    return {name: site, 'httpd.conf': trial}


def lighttpd_files(plan: Plan, name: str, modules: Sequence[str], inner: str) -> dict[str, str]:
    """Return a site of lighttpd, and a main file that serves it alone.

    Parameters:
        plan: what is to be deployed.
        name: what the file of the site is called.
        modules: those that `inner` needs.
        inner: the settings that let the application answer, not indented.
    """
    host, port = plan.listening
    bound = f'[{host}]' if ':' in host else host or '0.0.0.0'
    facts = {'plan': plan, 'address': (bound, port), 'name': name}
    if plan.host:
        inner = f'$HTTP["host"] =~ "{patterns.hosts(plan.host)}" {{\n{indent(inner, "    ")}}}\n'
    if plan.tls:
        inner = fill('lighttpd-tls.conf.tpl', quote_lighttpd, plan=plan) + inner
    if plan.tls or host or port not in PACKAGED['lighttpd']:
        inner = f'$SERVER["socket"] == "{format_bind(host, port)}" {{\n{indent(inner, "    ")}}}\n'
    facts |= {'inner': inner, 'modules': ('alias', 'setenv', *modules, *(('openssl',) if plan.tls else ()))}
    site, trial = (fill(f'lighttpd-host{each}.conf.tpl', quote_lighttpd, **facts) for each in ('', '-trial'))
    return {name: site, 'lighttpd.conf': trial + site}  # an include would take the folder for a pattern, and find none


def longest_first(plan: Plan) -> list[tuple[str, str]]:
    """Return what is served from folders, in an order in which no URL hides a longer one.

    Parameters:
        plan: what is to be deployed.
    """
    return sorted(plan.static, key=lambda each: -len(each[0]))


def seconds(number: float) -> int:
    """Return a time as those take it that know whole seconds alone, and take 0 for something else.

    Parameters:
        number: the time, in seconds.
    """
    return max(1, math.ceil(number))


def check_apache(folder: Path) -> str:
    """Have Apache validate its files.

    Parameters:
        folder: where they are.

    Raises:
        DeployError: Apache is not installed, or refuses them.
    """
    return checking.run('apache2', '-t', '-d', str(folder), '-f', 'httpd.conf')


def check_lighttpd(folder: Path) -> str:
    """Have lighttpd validate its files.

    Parameters:
        folder: where they are.

    Raises:
        DeployError: lighttpd is not installed, or refuses them.
    """
    return checking.run('lighttpd', '-tt', '-f', str(folder / 'lighttpd.conf'))


def start_apache(folder: Path) -> list[str]:
    """Return the command that runs Apache in the foreground.

    Parameters:
        folder: where its files are.
    """
    return [checking.find('apache2'), '-d', str(folder), '-f', 'httpd.conf', '-DFOREGROUND']


def start_lighttpd(folder: Path) -> list[str]:
    """Return the command that runs lighttpd in the foreground.

    Parameters:
        folder: where its files are.
    """
    return [checking.find('lighttpd'), '-D', '-f', str(folder / 'lighttpd.conf')]
