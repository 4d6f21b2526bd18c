"""What each command prints and how it exits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

if TYPE_CHECKING:
    from shell import User


def test_run_syncs_transforms_and_ties_out(synced: User) -> None:
    checks = json.loads(synced.ok("check", "--json"))
    assert checks["status"] == "ok"
    names = {check["check"] for check in checks["checks"] if check["status"] == "ok"}
    assert {"transaction_balances", "trial_balance_equals_sage"} <= names


def test_status_tells_tokens_and_progress_of_every_resource(synced: User) -> None:
    status = json.loads(synced.ok("status", "--json"))
    assert status["token"]["state"] == "ok"
    assert status["token"]["generation"] >= 1
    first = status["businesses"][0]
    assert first["selected"] is True
    assert first["country"] == "GB"
    invoices = first["resources"]["sales_invoices"]
    assert set(invoices) == {"cursor", "rows", "last_success", "last_error"}
    assert invoices["rows"] == len(
        synced.sandbox.state.businesses[first["id"]].collections["sales_invoices"]
    )


def test_status_of_somebody_new_is_missing(user: User) -> None:
    status = json.loads(user.ok("status", "--json"))
    assert status["token"]["state"] == "missing"
    assert status["businesses"] == []


def test_businesses_lists_country_selection_and_lead(synced: User) -> None:
    listed = json.loads(synced.ok("businesses", "--json"))
    assert [b["country"] for b in listed] == ["GB", "FR"]
    assert [b["lead"] for b in listed] == [True, False]
    assert all(b["selected"] for b in listed)


def test_sync_report_has_the_promised_shape(synced: User) -> None:
    report: dict[str, Any] = json.loads(synced.ok("sync", "--json", "--resource", "currencies"))
    assert set(report) == {"status", "requests", "businesses"}
    for business in report["businesses"].values():
        assert set(business) == {"status", "resources"}
        for resource in business["resources"].values():
            assert set(resource) == {"status", "rows", "deleted", "requests", "error"}


def test_data_goes_to_stdout_and_text_to_stderr(synced: User) -> None:
    done = synced.run("sync", "--json", "--resource", "currencies")
    assert json.loads(done.stdout)["status"] == "ok"
    assert "sync ok" in done.stderr


def test_trace_of_deletions_can_be_queried_before_anything_was_deleted(synced: User) -> None:
    with duckdb.connect(str(synced.warehouse), read_only=True) as connection:
        cursor = connection.execute("SELECT * FROM sage.sage._deletions")
        columns = [column[0] for column in cursor.description]
    assert columns == [
        "business_id",
        "resource",
        "id",
        "deleted_at",
        "detected_by",
        "detected_at",
    ]


def test_doctor_finds_nothing_wrong(synced: User) -> None:
    findings = json.loads(synced.ok("doctor", "--json"))
    assert {finding["verdict"] for finding in findings} == {"ok"}


def test_unified_tables_have_their_columns_in_both_countries(synced: User) -> None:
    with duckdb.connect(str(synced.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "SELECT country, count(*) FROM unified.dim_tax_rate GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert [country for country, _ in rows] == ["FR", "GB"]


@pytest.fixture
def broken_ledger(signed_in: User) -> User:
    """A ledger entry that does not say what Sage says."""
    signed_in.ok("run")
    with duckdb.connect(str(signed_in.warehouse)) as connection:
        connection.execute(
            "UPDATE sage.sage.ledger_entries SET debit = debit + 0.01 "
            "WHERE id = (SELECT min(id) FROM sage.sage.ledger_entries WHERE NOT deleted)"
        )
    return signed_in


def test_broken_tie_out_exits_1_and_names_the_transaction(broken_ledger: User) -> None:
    broken_ledger.ok("transform")
    done = broken_ledger.run("check", "--json")
    assert done.returncode == 1
    broken = {c["check"] for c in json.loads(done.stdout)["checks"] if c["status"] == "broken"}
    assert {"transaction_balances", "trial_balance_equals_sage"} <= broken


def test_failing_resource_leaves_the_others_loaded_and_exits_4(signed_in: User) -> None:
    signed_in.sandbox.control("fault", kind="status", status=422, path="/currencies", count=None)
    done = signed_in.run("sync", "--json", "--resource", "currencies", "--resource", "countries")
    assert done.returncode == 4
    for business in json.loads(done.stdout)["businesses"].values():
        assert business["status"] == "partial"
        assert business["resources"]["currencies"]["status"] == "failed"
        assert business["resources"]["countries"]["rows"] > 0
    signed_in.sandbox.control("clear_faults")
    report = signed_in.sync("--resource", "currencies", "--resource", "countries")
    assert all(b["resources"]["currencies"]["rows"] for b in report["businesses"].values())


def test_forbidden_resource_is_unavailable_and_keeps_what_was_loaded(signed_in: User) -> None:
    signed_in.sync("--resource", "ledger_entries")
    signed_in.sandbox.control(
        "fault", kind="status", status=403, path="/ledger_entries", count=None
    )
    report = signed_in.sync("--resource", "ledger_entries")
    statuses = {b["resources"]["ledger_entries"]["status"] for b in report["businesses"].values()}
    assert statuses == {"unavailable"}
    with duckdb.connect(str(signed_in.warehouse), read_only=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM sage.sage.ledger_entries").fetchone()
    assert count > 0


def test_ended_subscription_of_one_business_stops_only_that_one(signed_in: User) -> None:
    first, second = signed_in.sandbox.state.businesses
    signed_in.sandbox.control("subscription", business=first, active=False)
    done = signed_in.run("sync", "--json", "--resource", "currencies")
    report = json.loads(done.stdout)
    assert done.returncode == 4
    assert report["businesses"][first]["status"] == "failed"
    assert report["businesses"][second]["status"] == "ok"


def test_server_errors_and_cut_off_bodies_are_repeated(signed_in: User) -> None:
    for kind in ({"kind": "status", "status": 503}, {"kind": "truncate"}, {"kind": "malform"}):
        signed_in.sandbox.control("fault", path="/currencies", count=1, **kind)
    report = signed_in.sync("--resource", "currencies")
    assert report["status"] == "ok"


def test_revoked_connection_must_sign_in_again(signed_in: User) -> None:
    signed_in.ok("revoke")
    assert signed_in.run("sync").returncode == 3
    signed_in.ok("connect", "--refresh-token", "-", stdin=signed_in.sandbox.authorise() + "\n")
    assert signed_in.sync("--resource", "currencies")["status"] == "ok"
