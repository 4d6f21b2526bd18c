"""sage._runs: what became of each resource in each run, in the package that holds its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from interruptions import small_scale
from shell import User

CURRENCIES = ("--resource", "currencies")


def runs(user: User, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
    with duckdb.connect(str(user.warehouse), read_only=True) as connection:
        return connection.execute(
            f"SELECT {columns} FROM sage.sage._runs WHERE {where} ORDER BY ALL"
        ).fetchall()


def packages(user: User) -> set[Path]:
    return set(user.folder.glob("dlt/pipelines/sage_elt__default/load/loaded/*"))


def test_run_has_a_row_for_each_business_and_resource(synced: User) -> None:
    report = synced.sync()
    (newest,) = runs(synced, "arg_max(run_id, finished_at)")[0]
    rows = runs(synced, "business_id, resource, status, rows", f"run_id = '{newest}'")
    assert rows == sorted(
        (business_id, name, outcome["status"], outcome["rows"])
        for business_id, business in report["businesses"].items()
        for name, outcome in business["resources"].items()
    )


def test_times_of_a_row_are_in_order_and_the_connection_is_named(synced: User) -> None:
    assert runs(synced, "DISTINCT connection") == [("default",)]
    assert runs(synced, "count(*)", "finished_at < started_at OR finished_at IS NULL") == [(0,)]
    assert runs(synced, "count(*)", "requests > 0 AND started_at IS NULL") == [(0,)]


def test_sync_that_finds_nothing_changed_loads_its_record_with_the_state_and_no_more(
    synced: User,
) -> None:
    synced.sync()
    before = packages(synced)
    synced.sync()
    (package,) = packages(synced) - before
    jobs = {path.name.split(".")[0] for path in (package / "completed_jobs").iterdir()}
    assert jobs == {"_runs", "_dlt_pipeline_state"}


def test_failure_is_kept_with_its_code_beside_what_was_loaded(signed_in: User) -> None:
    signed_in.sandbox.control("fault", kind="status", status=422, path="/currencies", count=None)
    done = signed_in.run("sync", *CURRENCIES, "--resource", "countries")
    assert done.returncode == 4
    assert runs(signed_in, "DISTINCT resource, status, error_code") == [
        ("countries", "ok", None),
        ("currencies", "failed", "request-rejected"),
    ]


def test_error_says_its_code_in_json_and_status(signed_in: User) -> None:
    signed_in.sandbox.control("fault", kind="status", status=422, path="/currencies", count=None)
    report = json.loads(signed_in.run("sync", "--json", *CURRENCIES).stdout)
    status = json.loads(signed_in.ok("status", "--json"))
    errors = [b["resources"]["currencies"]["error"] for b in report["businesses"].values()]
    errors += [b["resources"]["currencies"]["last_error"] for b in status["businesses"]]
    assert all(error.endswith("(request-rejected)") for error in errors)


def test_list_read_in_parts_is_one_row_in_the_end(signed_in: User) -> None:
    with small_scale(is_sliced=True):
        report = signed_in.sync("--resource", "ledger_entries")
    rows = runs(signed_in, "business_id, status, rows, requests")
    assert len(packages(signed_in)) > 1
    assert rows == sorted(
        (business_id, "ok", outcome["rows"], outcome["requests"])
        for business_id, business in report["businesses"].items()
        for outcome in business["resources"].values()
    )


def test_waiting_for_sage_is_told(signed_in: User) -> None:
    signed_in.sandbox.control(
        "fault",
        kind="status",
        status=429,
        path="/currencies",
        retry_after="seconds",
        retry_after_s=1,
    )
    signed_in.sync(*CURRENCIES)
    assert runs(signed_in, "count(*)", "waited_s >= 0.9") >= [(1,)]
