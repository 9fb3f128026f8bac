"""Certificates for tests, made by another program than ours."""

from pathlib import Path

from tests.support.processes import run
from tests.support.requirements import require_program


def certificate(folder: Path) -> tuple[str, str]:
    """Return the files of a new self-signed certificate for localhost and of its key."""
    files = str(folder / 'cert.pem'), str(folder / 'key.pem')
    subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    where = ['-out', files[0], '-keyout', files[1]]
    run([str(require_program('openssl')), 'req', '-x509', '-days', '2', *curve, *subject, *where], folder)
    return files
