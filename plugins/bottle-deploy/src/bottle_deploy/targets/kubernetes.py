"""Kubernetes: <https://kubernetes.io/docs/reference/kubernetes-api/>."""

from __future__ import annotations

import json
import math
import re
import shlex
from typing import TYPE_CHECKING, Any

from bottle_deploy.errors import DeployError
from bottle_deploy.plan import SERVING
from bottle_deploy.target import Target, fill
from bottle_deploy.targets import docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bottle_deploy.plan import Plan

FILE = 'kubernetes.yaml'
GROWTH = 4  # how many times the instances under load, where nobody says
LEAVING = 5  # seconds that proxies of a cluster may take to notice that an instance is leaving
SPARE = 5  # seconds between the end of the last request and that of the process
USES = frozenset({'server', 'name', 'instances', 'max_instances', 'port', 'image', 'env'})
USES |= {'host', 'certfile', 'keyfile', 'health', 'timeout', *SERVING}
_ADDRESS = re.compile(r'[\d.]+')


def quote(value: str) -> str:
    """Return a value as YAML reads it: a text of JSON, which is one of YAML, too.

    Parameters:
        value: the text.
    """
    return json.dumps(value, ensure_ascii=False)  # YAML does not put two halves of a character together


def literal(value: str) -> str:
    """Return an argument or a variable as Kubernetes reads it: a text of YAML without references to variables.

    Parameters:
        value: the text.
    """
    return quote(value.replace('$', '$$'))


def files(plan: Plan) -> dict[str, str]:
    """Return the objects that run an application, in one file.

    Parameters:
        plan: what is to be deployed.

    Raises:
        DeployError: a name or a host is not what Kubernetes takes for one.
    """
    for fault in _faults(plan):
        raise DeployError(fault)
    most = plan.max_instances or GROWTH * plan.instances
    text = fill(
        'kubernetes.yaml.tpl',
        quote,
        plan=plan,
        literal=literal,
        image=docker.image(plan),
        command=[literal(each) for each in docker.command(plan)],
        hosts=[quote(each) for each in plan.host],
        user=docker.USER_ID,
        most=most,
        processes=plan.workers or 1,
        leaving=LEAVING,
        grace=math.ceil(plan.graceful_timeout),
        spare=SPARE,
        timeout=math.ceil(plan.timeout),
        secret=f'{plan.name}-tls',
        certificate=shlex.join([f'--cert={plan.certfile}', f'--key={plan.keyfile or plan.certfile}']),
    )
    return {FILE: text}


def _faults(plan: Plan) -> Iterator[str]:
    """Yield what Kubernetes would refuse, each with its remedy."""
    if '_' in plan.name or len(plan.name) > 59:  # -tls is appended
        yield f'Kubernetes takes no name like {plan.name!r}: give --name, without _ and of at most 59 characters'
    for host in plan.host:
        if _ADDRESS.fullmatch(host):
            yield f'an Ingress knows names of hosts alone, not {host}: leave it out for any host'
    if plan.max_instances and plan.max_instances < plan.instances:
        yield f'--max-instances {plan.max_instances} is less than --instances {plan.instances}: give more, or fewer'


def check(folder: Path) -> str:
    """Hold the objects against the schemas that Kubernetes publishes.

    Parameters:
        folder: where the file is.

    Raises:
        DeployError: the schemas are not installed, or an object is not what they say.
    """
    try:
        import kubernetes_validate
        import yaml
    except ImportError as error:
        raise DeployError(
            "Kubernetes' schemas are not installed here: python -m pip install 'bottle-deploy[kubernetes]'"
        ) from error
    version = kubernetes_validate.latest_version()
    try:
        found: list[dict[str, Any]] = list(yaml.safe_load_all((folder / FILE).read_text(encoding='utf-8')))
    except yaml.YAMLError as error:
        raise DeployError(f'{FILE} is no YAML: {error}') from error
    for each in found:
        try:
            kubernetes_validate.validate(each, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = '.'.join(map(str, error.path))
            raise DeployError(
                f'{each["kind"]}.{where} is not what Kubernetes {version} takes: {error.message}'
            ) from error
    kinds = ', '.join(each['kind'] for each in found)
    return f'the schemas of Kubernetes {version} find no fault in {kinds}'


KUBERNETES = Target(
    name='kubernetes',
    kind='platform',
    help='a Deployment with what belongs to it, for the image that docker builds',
    uses=USES,
    files=files,
    check=check,
)
