"""A sync's outcomes: as a log of events, and as rows of sage._runs."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import Any

import pytest

from sage_accounting.report import RUNS_KEY, Outcome, SyncReport
from sage_elt.cli.logs import JsonLines

FAILED = Outcome("failed", requests=2, error="No. (list-moved)", error_code="list-moved")


def rows(report: SyncReport) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report.to_table().to_pylist()
    return found


def test_parts_of_a_list_are_one_row() -> None:
    report = SyncReport()
    report.add("b", "ledger_entries", Outcome("ok", 5, requests=2, waited_s=1.5, finished=False))
    report.add("b", "ledger_entries", Outcome("ok", 3, requests=1, waited_s=0.25))
    (row,) = rows(report)
    assert (row["rows"], row["requests"], row["waited_s"]) == (8, 3, Decimal("1.750"))
    assert row["status"] == "ok"


def test_list_of_which_a_part_was_read_is_not_called_ok() -> None:
    report = SyncReport()
    report.add("b", "ledger_entries", Outcome("ok", 5, finished=False))
    assert rows(report)[0]["status"] == "unfinished"


def test_failure_has_its_code() -> None:
    report = SyncReport()
    report.add("b", "contacts", FAILED)
    assert (rows(report)[0]["error_code"], rows(report)[0]["rows"]) == ("list-moved", 0)


def test_key_of_a_row_is_never_null() -> None:
    schema = SyncReport().to_table().schema
    assert {f.name for f in schema if not f.nullable} == set(RUNS_KEY)


def test_event_of_a_resource_has_its_figures(caplog: pytest.LogCaptureFixture) -> None:
    report = SyncReport(connection="acme")
    with caplog.at_level(logging.INFO, "sage_accounting.report"):
        report.add("b", "contacts", Outcome("ok", 5, 1, 3, waited_s=0.5))
    event = json.loads(JsonLines().format(caplog.records[0]))
    assert event | {"time": None} == {
        "time": None,
        "level": "info",
        "logger": "sage_accounting.report",
        "message": "contacts of business b: ok, 5 rows, 1 deleted, 3 requests",
        "event": "resource",
        "run_id": report.run_id,
        "connection": "acme",
        "business_id": "b",
        "resource": "contacts",
        "status": "ok",
        "rows": 5,
        "deleted": 1,
        "requests": 3,
        "error": None,
        "error_code": None,
        "waited_s": 0.5,
        "seconds": 0.0,
    }


def test_failure_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sage_accounting.report"):
        SyncReport().add("b", "contacts", FAILED)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_resource_that_stays_unavailable_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    known = Outcome("unavailable", error="No.", error_code="resource-not-offered", is_news=False)
    with caplog.at_level(logging.INFO, "sage_accounting.report"):
        SyncReport().add("b", "contacts", known)
    assert [record.levelname for record in caplog.records] == ["INFO"]
