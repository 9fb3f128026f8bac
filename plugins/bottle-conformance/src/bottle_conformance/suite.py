"""All tests of the kit, as one class to be subclassed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bottle_conformance.suites.bodies import BodiesSuite
from bottle_conformance.suites.capabilities import CapabilitiesSuite
from bottle_conformance.suites.clients import ClientsSuite
from bottle_conformance.suites.connections import ConnectionsSuite
from bottle_conformance.suites.endings import EndingsSuite
from bottle_conformance.suites.environ import EnvironSuite
from bottle_conformance.suites.framing import FramingSuite
from bottle_conformance.suites.headers import HeadersSuite
from bottle_conformance.suites.isolation import IsolationSuite
from bottle_conformance.suites.lifecycle import LifecycleSuite
from bottle_conformance.suites.malformed import MalformedSuite
from bottle_conformance.suites.options import OptionsSuite
from bottle_conformance.suites.places import PlacesSuite
from bottle_conformance.suites.responses import ResponsesSuite
from bottle_conformance.suites.validation import ValidationSuite
from bottle_conformance.suites.workers import WorkersSuite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bottle_conformance.deviations import Deviation


class ServerSuite(
    EnvironSuite,
    ResponsesSuite,
    EndingsSuite,
    HeadersSuite,
    IsolationSuite,
    ValidationSuite,
    BodiesSuite,
    ConnectionsSuite,
    FramingSuite,
    MalformedSuite,
    LifecycleSuite,
    PlacesSuite,
    OptionsSuite,
    ClientsSuite,
    WorkersSuite,
    CapabilitiesSuite,
):
    """The tests of one server.

    In the repository of an adapter:

        class TestAcme(ServerSuite):
            server_name = 'acme'

    Attributes:
        server_name: the name of the server; that of `--bottle-server` when empty.
        deviations: what the server is known not to pass: reasons by the names of tests, besides those in the
            adapter's `deviations.toml`.
    """

    server_name: ClassVar[str] = ''
    deviations: ClassVar[Mapping[str, str | Deviation]] = {}
