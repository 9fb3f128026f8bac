"""Every Python and shell block of the README files and of docs/ does what it says."""

import configparser
import json
import os
import re
import shlex
import ssl
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from bottle.serving.arguments import make_parser
from tests.operation import nginx
from tests.support.client import fetch
from tests.support.processes import attempt, run, serving
from tests.support.requirements import require_program
from tests.support.snippets import Snippet, snippets
from tests.support.sources import DISTRIBUTIONS, ROOT

PAGES = [ROOT / 'README.md', *sorted(ROOT.glob('docs/**/*.md')), *(folder / 'README.md' for folder in DISTRIBUTIONS)]
SNIPPETS = [snippet for page in PAGES if page.exists() for snippet in snippets(page)]
BLOCKS = {language: [one for one in SNIPPETS if one.language == language] for language in ('python', 'sh')}
OTHER_LANGUAGES = {'', 'text', 'toml', 'ini', 'http', 'json', 'html', 'nginx', 'apache', 'lighttpd', 'yaml'}
OTHER_LANGUAGES |= {'haproxy', 'caddy', 'dockerfile'}
DATA: dict[str, Callable[[str], object]] = {
    'toml': tomllib.loads,
    'json': json.loads,
    'ini': lambda text: configparser.RawConfigParser().read_string(text),
}
DIRECTIVES = {'': 0, 'skip': 2, 'file': 1, 'get': 1, 'output': 1}  # with the number of words that each needs at least
BIND = re.compile(r'(?:(?<=-b )|(?<=--bind ))(?!unix:)\S+')
LISTS = re.compile(r'--(servers|version|help|json|explain|check)\b|bottle (deploy|capacity)\b')  # these serve nothing


def saved_files(snippet: Snippet, folder: Path) -> None:
    """Write the blocks of the same page that have a file name."""
    for other in snippets(snippet.page):
        if other.directive == 'file':
            (folder / other.argument).write_text(other.program)


def skip_if_told(snippet: Snippet) -> None:
    """Skip a block that says so, with its reason."""
    if snippet.directive == 'skip':
        pytest.skip(snippet.argument)


@pytest.mark.parametrize('snippet', SNIPPETS, ids=str)
def test_languages_and_directives_are_known(snippet: Snippet) -> None:
    assert snippet.language in OTHER_LANGUAGES | BLOCKS.keys()
    assert len(snippet.argument.split()) >= DIRECTIVES[snippet.directive]


@pytest.mark.parametrize('snippet', BLOCKS['python'], ids=str)
def test_python(snippet: Snippet, tmp_path: Path) -> None:
    skip_if_told(snippet)
    saved_files(snippet, tmp_path)
    program = tmp_path / 'program.py'
    program.write_text(snippet.program)
    if not snippet.serves:
        run([sys.executable, '-W', 'error', str(program)], tmp_path)
    elif "'cgi'" in snippet.text:
        request = {'GATEWAY_INTERFACE': 'CGI/1.1', 'REQUEST_METHOD': 'GET', 'PATH_INFO': snippet.path}
        server = {'SERVER_NAME': 'localhost', 'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.1'}
        assert run([sys.executable, str(program)], tmp_path, request | server).startswith('Status: 200')
    else:
        serve([sys.executable, str(program)], tmp_path, snippet.path)


def serve(command: list[str], cwd: Path, path: str, env: dict[str, str] | None = None) -> None:
    """Start a server, request one page, stop it with a signal."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # an example's certificate vouches for itself
    with serving(command, cwd, env) as server:
        with urlopen(server.url.rstrip('/') + path, timeout=10, context=context) as response:
            assert response.status == 200
        assert server.stop() == 0


@pytest.mark.parametrize('snippet', BLOCKS['sh'], ids=str)
def test_shell(
    snippet: Snippet,
    tmp_path: Path,
    new_environment: Callable[[], Path],
    find_wheels: dict[str, str],
    fresh_copy: Path,
) -> None:
    skip_if_told(snippet)
    saved_files(snippet, tmp_path)
    installs = any('pip install' in command for command in snippet.commands)
    programs = new_environment() if installs else Path(sys.executable).parent
    environment = {'PATH': f'{programs}{os.pathsep}{os.environ["PATH"]}', **find_wheels}
    for command in snippet.commands:
        if command.startswith('make serve'):
            with serving([*shlex.split(command), 'PORT=0'], fresh_copy, environment) as server:
                assert server.get('/')[0] == 200
        elif re.match(r'(python -m )?bottle\b', command) and not LISTS.search(command):
            bound = BIND.sub('127.0.0.1:0', command) if BIND.search(command) else f'{command} -b 127.0.0.1:0'
            serve(['sh', '-c', f'exec {bound}'], tmp_path, snippet.path, environment)
        else:
            if command.startswith('openssl '):
                require_program('openssl')
            run(['sh', '-ec', BIND.sub('127.0.0.1:0', command)], ROOT if './' in command else tmp_path, environment)


@pytest.mark.parametrize('snippet', [one for one in SNIPPETS if one.directive == 'output'], ids=str)
def test_output(snippet: Snippet, tmp_path: Path) -> None:
    saved_files(snippet, tmp_path)
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = attempt(['sh', '-c', snippet.argument], tmp_path, {'PATH': path})
    shown = '.*'.join(map(re.escape, snippet.text.strip().split('\n…\n')))
    assert re.fullmatch(shown, (done.stdout + done.stderr).strip(), re.DOTALL), done.stdout + done.stderr


@pytest.mark.parametrize('snippet', [one for one in SNIPPETS if one.language in DATA], ids=str)
def test_data_can_be_read(snippet: Snippet) -> None:
    DATA[snippet.language](snippet.text)
    for arguments in re.findall(r'^ExecStart=\S+ -m bottle (.*)$', snippet.text, re.MULTILINE):
        make_parser().parse_args(shlex.split(arguments))


WRITTEN_BY_HAND = [one for one in SNIPPETS if one.language == 'nginx' and one.directive != 'output']
FORGED = {
    'Forwarded': 'for=192.0.2.7;host=forged.example;proto=https',
    'X-Forwarded-For': '192.0.2.7',
    'X-Forwarded-Host': 'forged.example',
    'X-Forwarded-Port': '81',
    'X-Forwarded-Prefix': '/forged',
    'X-Forwarded-Proto': 'https',
}


@pytest.mark.parametrize('snippet', WRITTEN_BY_HAND, ids=str)
def test_a_client_cannot_forge_what_nginx_says(
    snippet: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documented = re.sub(r'( *proxy_set_header .*\n)+', snippet.text, nginx.CONFIGURATION)
    monkeypatch.setattr(nginx, 'CONFIGURATION', documented)
    program = tmp_path / 'told.py'
    program.write_text(
        "from bottle import request, route\n@route('/')\ndef index():\n    return request.remote_addr, request.url\n"
    )
    command = [sys.executable, '-m', 'bottle', 'told', '-b', '127.0.0.1:0', '--trusted-proxies', '127.0.0.1']
    with serving(command, tmp_path) as server, nginx.nginx(server.url, tmp_path) as url:
        assert fetch(url, '/', Host='shop.example', **FORGED).body == b'127.0.0.1http://shop.example/'


@pytest.mark.parametrize('page', [*PAGES, ROOT / 'CONTRIBUTING.md'], ids=lambda page: f'{page.parent.name}/{page.name}')
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r'\]\((?!https?:|mailto:|#)([^)#]+)', page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_a_page_is_read(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text(
        "# Page\n\n<!-- test: file app.py -->\n```python\n@route('/hello/<name>')\nrun(port=8080)\n```\n\n"
        '```sh\npip install \\\n  x  # comment\n# comment\n```\n<!-- test: skip too slow here -->\n```text\n```\n'
    )
    first, second, third = snippets(page)
    assert (first.line, first.language, first.directive, first.argument) == (4, 'python', 'file', 'app.py')
    assert first.serves
    assert first.path == '/hello/World'
    assert 'run(port=0)' in first.program
    assert second.commands == ['pip install    x']
    assert (third.directive, third.argument) == ('skip', 'too slow here')


def test_a_server_without_port_gets_one(tmp_path: Path) -> None:
    snippet = Snippet(tmp_path, 1, 'python', "run(server='x')\n")
    assert snippet.program == "run(port=0, server='x')\n"
