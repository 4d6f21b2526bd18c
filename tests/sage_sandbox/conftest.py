"""One server for the tests of a module; every switch is back in place after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_client import Api, signed_in

from sage_sandbox.server import Sandbox, running_sandbox


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running_sandbox(countries=("GB", "ES", "FR"), invoices=45, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Iterator[Sandbox]:
    yield server
    server.control("clear_faults")
    server.control("clear_requests")
    server.control(
        "limit", requests_per_minute=0, app_requests_per_minute=0, concurrent_requests=0,
        retry_after="seconds",
    )  # fmt: skip
    server.control("decimals", style="number")
    server.control("blank_nulls", on=False)
    server.control("hide_children", resources=[])
    server.control("page_size")
    server.control("clock", ahead_s=0)
    server.control("tokens", access_lifetime_s=300, grace_s=0)
    server.control("sign_in", decision="ask")
    for business in server.state.businesses:
        server.control("subscription", business=business, active=True)
    server.control("lead", business=next(iter(server.state.businesses)))


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """Signed in, for the British business."""
    client = signed_in(sandbox)
    with client.http:
        yield client


@pytest.fixture
def spanish(sandbox: Sandbox) -> Iterator[Api]:
    """Signed in, for the Spanish business."""
    client = signed_in(sandbox, "ES")
    with client.http:
        yield client
