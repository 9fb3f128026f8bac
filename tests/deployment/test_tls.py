"""TLS between clients and each balancer, plain HTTP behind it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bottle_deploy.targets import TARGETS
from tests.deployment.sites import answered, fetch_securely, front, instance, public_folder
from tests.support.certificates import certificate
from tests.support.processes import run
from tests.support.requirements import require_program

BALANCERS = [name for name, target in TARGETS.items() if target.kind == 'balancer' and 'certfile' in target.uses]
HTTP_2 = ('nginx', 'haproxy', 'caddy', 'apache', 'lighttpd')


def certificates(folder: Path) -> list[Path]:
    """Make a certificate, and return its file and one that has its key as well."""
    [trusted, key] = map(Path, certificate(folder))
    both = folder / 'both.pem'
    both.write_bytes(trusted.read_bytes() + key.read_bytes())
    return [trusted, both]


@pytest.mark.parametrize('balancer', BALANCERS)
def test_the_application_knows_of_tls(balancer: str) -> None:
    """Also where a client calls the balancer's own header one of its connection (RFC 9110, section 7.6.1)."""
    with public_folder() as folder, instance('waitress') as behind:
        [trusted, both] = certificates(folder)
        with front(balancer, [behind], certfile=str(both), host=['localhost']) as site:
            for headers in ({}, {'Connection': 'close, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-For'}):
                seen = answered(fetch_securely(site.url, '/', trusted, **headers).body)
                assert (seen['client'], seen['scheme']) == ('127.0.0.1', 'https')
                assert seen['host'] == f'localhost:{urlsplit(site.url).port}'


@pytest.mark.parametrize('balancer', [name for name in BALANCERS if name in HTTP_2])
def test_browsers_get_http_2(balancer: str) -> None:
    curl = str(require_program('curl'))
    with public_folder() as folder, instance('waitress') as behind:
        [trusted, both] = certificates(folder)
        with front(balancer, [behind], certfile=str(both), host=['localhost']) as site:
            url = site.url.replace('127.0.0.1', 'localhost')
            told = run([curl, '--silent', '--cacert', str(trusted), '--write-out', '\n%{http_version}', url], folder)
            body, version = told.rsplit('\n', 1)
            assert (version, answered(body.encode())['host']) == ('2', url.removeprefix('https://'))
