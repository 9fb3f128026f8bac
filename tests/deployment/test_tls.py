"""TLS between clients and each balancer, plain HTTP behind it."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bottle_deploy.targets import TARGETS
from tests.deployment.sites import answered, fetch_securely, front, instance, public_folder
from tests.support.certificates import certificate

BALANCERS = [name for name, target in TARGETS.items() if target.kind == 'balancer' and 'certfile' in target.uses]


@pytest.mark.parametrize('balancer', BALANCERS)
def test_the_application_knows_of_tls(balancer: str) -> None:
    with public_folder() as folder, instance('waitress') as behind:
        [trusted, key] = map(Path, certificate(folder))
        both = folder / 'both.pem'
        both.write_bytes(trusted.read_bytes() + key.read_bytes())
        with front(balancer, [behind], certfile=str(both), host=['localhost']) as site:
            seen = answered(fetch_securely(site.url, '/', trusted).body)
            assert (seen['client'], seen['scheme']) == ('127.0.0.1', 'https')
            assert seen['host'] == f'localhost:{urlsplit(site.url).port}'
