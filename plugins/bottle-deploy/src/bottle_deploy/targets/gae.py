"""Google App Engine: <https://cloud.google.com/appengine/docs/standard/reference/app-yaml>."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import SERVING, Plan
from bottle_deploy.target import Target, fill

# App Engine's services know threads alone; wsgiref is in the core.
SERVERS = (
    *('waitress', 'cheroot', 'gunicorn', 'cherrypy', 'twisted', 'tornado', 'aiohttp', 'uvloop', 'rocket', 'paste'),
    'wsgiref',
)
WARMUP = '/_ah/warmup'  # what App Engine asks a new instance for
PIP_READS = re.compile(r'\s#|\$\{|:')  # a comment, a variable, the address of a file elsewhere


def quote(value: str) -> str:
    """Return a value as YAML reads it: in single quotes, so that it is a text whatever it looks like.

    Parameters:
        value: the text.
    """
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def quote_requirement(path: str) -> str:
    """Return the path of a file as pip reads it in its file of requirements.

    Parameters:
        path: the path, relative to that file.

    Raises:
        DeployError: pip would read a comment, a variable or a URL in it.
    """
    if PIP_READS.search(path):
        raise DeployError(f'pip cannot be told of {path!r}: rename it, without " #", "${{" and ":"')
    return shlex.quote(path)


def url_pattern(url: str) -> str:
    """Return the path of a URL as a regular expression that matches nothing else.

    Parameters:
        url: the path.
    """
    return re.sub(r'[.*+]', r'\\\g<0>', url)


def inside(plan: Plan, path: str, option: str) -> str:
    """Return a path relative to the folder of the application, which is all that App Engine gets.

    Parameters:
        plan: what is to be deployed.
        path: the absolute path.
        option: the option that names it.

    Raises:
        DeployError: it is not below that folder.
    """
    below = Path(path).is_relative_to(plan.directory) and path != plan.directory
    if not below:
        raise DeployError(
            f'App Engine gets {plan.directory} alone: {option} has to name something below it, not {path}'
        )
    return Path(path).relative_to(plan.directory).as_posix()


def files(plan: Plan) -> dict[str, str]:
    """Return what `gcloud app deploy` reads, to be put beside the application.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: the server has no threads, or something is outside the folder of the application.
    """
    if plan.server not in SERVERS:
        raise DeployError(f"App Engine's services need a server with threads, not {plan.server}: try --server waitress")
    arguments = replace(plan, server='gae', health=WARMUP).arguments('')
    static = [(url_pattern(url), inside(plan, folder, '--static')) for url, folder in plan.static]
    entrypoint = f'python -m bottle {shlex.join(arguments)}'
    found = {'app.yaml': fill('gae-app.yaml.tpl', quote, plan=plan, entrypoint=entrypoint, static=static)}
    if plan.module != 'main':  # else the application is where gunicorn looks for it
        found['main.py'] = fill('gae-main.py.tpl', quote, plan=plan, warmup=WARMUP)
    requirements = _requirements(plan)
    found['requirements.txt'] = fill('gae-requirements.txt.tpl', quote_requirement, plan=plan, included=requirements)
    return found | {'.gcloudignore': fill('gae-gcloudignore.tpl', quote)}


def _requirements(plan: Plan) -> str:
    """Return the relative path of the application's own requirements, or an empty text."""
    path = inside(plan, plan.requirements, '--requirements') if plan.requirements else ''
    if path == 'requirements.txt':
        raise DeployError('App Engine reads requirements.txt, which is written anew: call yours requirements-app.txt')
    return path


def check(folder: Path) -> str:
    """Have the SDK of App Engine read `app.yaml`, and look for the files that it and `requirements.txt` name.

    Parameters:
        folder: where the files are.

    Raises:
        DeployError: the SDK is not installed, or refuses the file.
    """
    try:
        from google.appengine.api import appinfo, yaml_errors
    except ImportError as error:
        raise DeployError(
            'the SDK of App Engine is not installed here: pip install bottle-server-gae, or check the files where it is'
        ) from error
    try:
        read = appinfo.LoadSingleAppInfo((folder / 'app.yaml').read_text(encoding='utf-8'))
    except yaml_errors.Error as error:
        raise DeployError(f'the SDK of App Engine refuses app.yaml: {error}') from error
    named = [each.static_dir for each in read.handlers if each.static_dir]
    lines = (folder / 'requirements.txt').read_text(encoding='utf-8').splitlines()
    named += [shlex.split(each)[1] for each in lines if each.startswith('-r ')]
    missing = [each for each in named if not (folder / each).exists()]
    beside = f'; not beside it: {", ".join(missing)}' if missing else ''
    return f'the SDK of App Engine reads app.yaml without fault{beside}; the rest shows gcloud app deploy'


GAE = Target(
    name='gae',
    kind='platform',
    help='Google App Engine, the standard environment of Python 3',
    uses=frozenset({'server', 'directory', 'static', 'env', 'requirements', 'max_instances', *SERVING}),
    files=files,
    check=check,
)
