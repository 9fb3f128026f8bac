"""lighttpd: values in the language of its configuration, and what it does in its own way."""

from pathlib import Path

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path, options
from tests.deployment.sites import fetch_securely, front, instance, public_folder, site
from tests.support.client import fetch


@pytest.mark.parametrize('name', [*HOSTILE, *DOLLARS])
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('lighttpd', around, name)


def test_a_backslash_before_the_closing_quote_is_refused(around: World) -> None:
    with pytest.raises(DeployError, match=r'lighttpd cannot have a backslash at the end of .*: rename it'):
        TARGETS['lighttpd'].files(make_plan(options(around, Path('/key\\'))))


def test_the_key_may_have_a_file_of_its_own(around: World) -> None:
    with public_folder() as own, site('lighttpd', own, options(around, around.certificate, around.key)) as running:
        assert fetch_securely(running.url, '/', around.certificate).status == 200


@pytest.mark.parametrize(('most', 'kilobytes'), [('0', 0), ('1', 1), ('1024', 1), ('1025', 2)])
def test_a_limit_is_rounded_up(most: str, kilobytes: int) -> None:
    """Never may lighttpd refuse what the application would take; and 0 means any."""
    text = TARGETS['lighttpd'].files(make_plan({'app': 'shop', 'max_body': most}))['lighttpd.conf']
    assert f'\nserver.max-request-size = {kilobytes}  #' in text


def test_the_longest_url_of_a_folder_counts() -> None:
    with instance('waitress') as behind, public_folder() as outer, public_folder() as inner:
        (outer / 'name').write_text('outer')
        (inner / 'name').write_text('inner')
        with front('lighttpd', [behind], static=[f'/a/b={inner}', f'/a={outer}']) as running:
            assert [fetch(running.url, url).body for url in ('/a/name', '/a/b/name')] == [b'outer', b'inner']


def test_a_url_of_a_folder_is_no_pattern() -> None:
    with instance('waitress') as behind, public_folder() as folder:
        (folder / 'page.css').write_text('static')
        with front('lighttpd', [behind], static=[f'/a.b+={folder}']) as running:
            answer = fetch(running.url, '/a.b+/page.css')
            assert (answer.body, answer.headers['Content-Type']) == (b'static', 'text/css; charset=utf-8')
            assert fetch(running.url, '/axbb/page.css').body == fetch(behind.process.url, '/axbb/page.css').body


def test_a_pattern_of_names_is_of_all_names_below() -> None:
    with instance('waitress') as behind, front('lighttpd', [behind], host=['*.a-b.example', 'c.example']) as running:
        for name in ('x.a-b.example', 'x.y.A-B.example:80', 'c.example'):
            assert fetch(running.url, '/', Host=name).status == 200, name
        for name in ('a-b.example', 'xa-b.example', 'x.a-bxexample', 'x.a-b.example.evil', 'cxexample'):
            assert fetch(running.url, '/', Host=name).status == 403, name


def test_every_interface_is_listened_on_in_ipv6_as_well(tmp_path: Path) -> None:
    [(name, text)] = TARGETS['lighttpd'].files(make_plan({'app': 'shop', 'listen': ':8123'})).items()
    assert '\nserver.port = 8123\n' in text
    assert '\n$SERVER["socket"] == "[::]:8123" { }\n' in text
    (tmp_path / name).write_text(text)
    TARGETS['lighttpd'].check(tmp_path)
