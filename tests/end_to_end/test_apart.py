"""Syncs of single businesses beside syncs of the whole connection, into one warehouse."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from shell import User

from sage_accounting import SyncReport
from sage_accounting.errors import BusinessSelectionError
from sage_elt.jobs.syncing import SyncRequest, sync
from sage_elt.warehouse import open_warehouse

RESOURCES = (
    "businesses", "contacts", "contact_persons", "sales_invoices", "ledger_entries", "tax_rates",
    "business_settings",
)  # fmt: skip
"""Of each kind one or two; all 85 would say the same in minutes."""


@contextmanager
def as_user(user: User) -> Iterator[None]:
    """This process in the user's folder, with the user's environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(user.folder)
        for name in os.environ:
            patch.delenv(name)
        for name, value in user.environment.items():
            patch.setenv(name, value)
        yield


def sync_apart(user: User, *businesses: str) -> SyncReport:
    report = SyncReport()
    with as_user(user):
        request = SyncRequest("default", businesses, RESOURCES, is_apart=True)
        sync(open_warehouse("duckdb"), request, report)
    assert report.status == "ok", report.to_json()
    return report


def sync_whole(user: User) -> None:
    user.sync(*(word for name in RESOURCES for word in ("--resource", name)))


def differences(user: User) -> list[str]:
    return user.differences(ids(user), RESOURCES)


def ids(user: User) -> list[str]:
    return list(user.sandbox.state.businesses)


def change(user: User) -> None:
    """In each business an invoice's reference changes, and a contact leaves."""
    for business in user.sandbox.state.businesses.values():
        for op, resource, more in (
            ("change", "sales_invoices", {"fields": {"reference": "changed"}}),
            ("delete", "contact_persons", {}),
        ):
            key = next(iter(business.collections[resource].live))
            user.sandbox.control(
                "edit", op=op, business=business.id, resource=resource, id=key, **more
            )


def status(user: User) -> dict[str, Any]:
    found = json.loads(user.ok("status", "--json"))["businesses"]
    return {business["id"]: business["resources"] for business in found}


def pipelines(user: User) -> Path:
    return Path(user.environment["DLT_DATA_DIR"]) / "pipelines"


def test_going_from_one_way_to_the_other_and_back_loses_and_doubles_nothing(
    signed_in: User,
) -> None:
    sync_whole(signed_in)
    change(signed_in)
    sync_apart(signed_in, *ids(signed_in))
    assert differences(signed_in) == []
    change(signed_in)
    sync_whole(signed_in)
    assert differences(signed_in) == []


def test_worker_that_never_saw_the_business_goes_on_where_another_ended(signed_in: User) -> None:
    first = ids(signed_in)[0]
    sync_apart(signed_in, first)
    for folder in pipelines(signed_in).glob("sage_elt__*"):
        shutil.rmtree(folder, ignore_errors=True)
    report = sync_apart(signed_in, first)
    assert sum(outcome.rows for outcome in report.outcomes[first].values()) == 0


def test_status_shows_what_each_business_reached_by_its_own_pipeline(signed_in: User) -> None:
    first, second = ids(signed_in)
    sync_apart(signed_in, first)
    found = status(signed_in)
    assert found[first]["sales_invoices"]["cursor"] is not None
    assert found[second] == {}


def test_status_shows_the_later_of_both_ways(signed_in: User) -> None:
    first = ids(signed_in)[0]
    sync_whole(signed_in)
    before = status(signed_in)[first]["sales_invoices"]["last_success"]
    sync_apart(signed_in, first)
    assert status(signed_in)[first]["sales_invoices"]["last_success"] > before


def test_sync_apart_of_no_business_reads_none(signed_in: User) -> None:
    with pytest.raises(BusinessSelectionError):
        sync_apart(signed_in)
