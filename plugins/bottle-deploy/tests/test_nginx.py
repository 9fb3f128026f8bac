"""nginx: values in the language of its configuration, and where its files go."""

from pathlib import Path

import pytest

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import make_plan
from bottle_deploy.targets import TARGETS
from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path, below, options
from tests.deployment.sites import answered, fetch_securely, public_folder, site
from tests.support.client import fetch
from tests.support.requirements import require_ipv6


@pytest.mark.parametrize('name', HOSTILE)
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('nginx', around, name)


@pytest.mark.parametrize('name', DOLLARS)
def test_a_variable_in_a_path_is_refused(around: World, name: str) -> None:
    with pytest.raises(DeployError, match=r'nginx cannot have a \$ in .*: rename it'), below('nginx', around, name):
        pass


def test_the_key_may_have_a_file_of_its_own(around: World) -> None:
    with public_folder() as folder, site('nginx', folder, options(around, around.certificate, around.key)) as running:
        assert fetch_securely(running.url, '/', around.certificate).status == 200


def test_many_instances_fit_into_the_memory_that_they_share(tmp_path: Path) -> None:
    plan = {'app': 'app', 'instances': '1000', 'sockets': '/' + 80 * 's', 'listen': '127.0.0.1:1'}
    for name, text in TARGETS['nginx'].files(make_plan(plan)).items():
        (tmp_path / name).write_text(text)
    TARGETS['nginx'].check(tmp_path)


def test_every_interface_is_that_of_ipv6_too(around: World) -> None:
    require_ipv6()
    with public_folder() as folder, site('nginx', folder, options(around), address='') as running:
        seen = [fetch(url, '/') for url in (running.url, running.url.replace('127.0.0.1', '[::1]'))]
        assert [answered(each.body)['client'] for each in seen] == ['127.0.0.1', '::1']
