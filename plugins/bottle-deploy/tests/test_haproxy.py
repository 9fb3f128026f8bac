"""HAProxy: values in the language of its configuration, and where it looks for keys."""

from shutil import copyfile

import pytest

from bottle_deploy.errors import DeployError
from tests.deployment.paths import DOLLARS, HOSTILE, World, assert_it_is_that_path, below, options
from tests.deployment.sites import answered, fetch_securely, public_folder, site
from tests.support.client import fetch
from tests.support.requirements import require_ipv6


@pytest.mark.parametrize('name', HOSTILE)
def test_a_path_is_that_path(around: World, name: str) -> None:
    assert_it_is_that_path('haproxy', around, name)


@pytest.mark.parametrize('name', DOLLARS)
def test_a_variable_in_the_path_of_a_socket_is_refused(around: World, name: str) -> None:
    with pytest.raises(DeployError, match=r'haproxy cannot have a \$ in .*: rename it'), below('haproxy', around, name):
        pass


@pytest.mark.parametrize('name', DOLLARS)
def test_a_certificate_may_have_a_dollar_in_its_path(around: World, name: str) -> None:
    with public_folder() as folder:
        certfile = folder / name
        copyfile(around.both, certfile)
        with site('haproxy', folder, options(around, certfile)) as running:
            assert fetch_securely(running.url, '/', around.certificate).status == 200


def test_the_key_is_in_the_certificate_or_beside_it(around: World) -> None:
    with public_folder() as folder:
        certfile = folder / 'site.pem'
        copyfile(around.certificate, certfile)
        key = copyfile(around.key, folder / 'site.pem.key')
        with site('haproxy', folder, options(around, certfile, key)) as running:
            assert fetch_securely(running.url, '/', around.certificate).status == 200


def test_a_key_that_it_would_not_find_is_refused(around: World) -> None:
    wanted = f'haproxy looks for the key .* in {around.certificate}.key: put it there'
    given = options(around, around.certificate, around.key)
    with pytest.raises(DeployError, match=wanted), public_folder() as folder, site('haproxy', folder, given):
        pass


def test_every_interface_is_that_of_ipv6_too(around: World) -> None:
    require_ipv6()
    with public_folder() as folder, site('haproxy', folder, options(around), address='') as running:
        seen = [fetch(url, '/') for url in (running.url, running.url.replace('127.0.0.1', '[::1]'))]
        assert [answered(each.body)['client'] for each in seen] == ['127.0.0.1', '::1']
