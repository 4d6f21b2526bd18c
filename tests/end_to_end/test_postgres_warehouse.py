"""A PostgreSQL warehouse: the same tables as in a DuckDB file after the same history, and the way there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.destinations import postgres as postgres_destination
from postgres_server import postgres_or_skip
from postgres_tables import (
    duckdb_columns,
    duckdb_table,
    postgres_columns,
    postgres_rows,
    postgres_table,
)
from shell import User, new_user

from sage_elt.datasets import Dataset
from sage_sandbox.server import Sandbox, running_sandbox

ON_SERVER = ("--destination", "postgres")
OF_THE_READ = {"_deletions": {"detected_at"}}
"""Columns that tell when something was read."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_or_skip() as address:
        yield address


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(countries=("GB", "ES"), invoices=8, seed=11) as running:
        yield running


def signed_in(folder: Path, sandbox: Sandbox, postgres: str, *options: str) -> User:
    user = new_user(folder, sandbox)
    user.environment["DESTINATION__POSTGRES__CREDENTIALS"] = postgres
    stdin = sandbox.authorise() + "\n"
    user.ok("connect", "--refresh-token", "-", *options, stdin=stdin)
    user.ok("businesses", "use", "--all", *options)
    return user


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, postgres: str) -> User:
    """Began with a DuckDB file and copied it to the server twice; then Sage changed."""
    user = signed_in(tmp_path_factory.mktemp("copied"), sandbox, postgres)
    user.ok("run")
    user.ok("copy", "--to", "postgres")
    user.ok("copy", "--to", "postgres")
    return user


def edit(sandbox: Sandbox) -> None:
    for business in sandbox.state.businesses.values():
        for operation, resource in (("void", "sales_invoices"), ("delete", "purchase_invoices")):
            live = business.collections[resource].live
            unpaid = [key for key, one in live.items() if one["status"]["id"] == "UNPAID"]
            if unpaid:
                sandbox.control(
                    "edit", business=business.id, op=operation, resource=resource, id=unpaid[0]
                )
        sandbox.control("edit", business=business.id, op="add_invoice")
        sandbox.control("edit", business=business.id, op="add_payment")


def differences(user: User, postgres: str) -> list[str]:
    """Tables of the two warehouses that do not hold the same."""
    found = []
    dataset = Dataset(postgres_destination(postgres), "sage")
    for schema in ("sage", "unified", "marts"):
        there = postgres_columns(postgres, schema)
        for table, columns in duckdb_columns(user.warehouse, schema).items():
            if table.startswith("_dlt") or table in ("_builds", "_runs"):
                continue
            compared = [c for c in columns if c not in OF_THE_READ.get(table, ())]
            name = dataset.table_name(table)
            if set(there.get(name, ())) != set(map(dataset.column_name, columns)):
                found.append(f"{schema}.{table}: columns")
            elif postgres_table(
                postgres, schema, name, [dataset.column_name(c) for c in compared]
            ) != duckdb_table(user.warehouse, schema, table, compared):
                found.append(f"{schema}.{table}")
    return found


def rows_read(user: User, *options: str) -> dict[str, int]:
    """Rows that a sync loaded or removed, of the resources that had any."""
    report = json.loads(user.ok("sync", "--json", *options))
    return {
        name: resource["rows"] + resource["deleted"]
        for business in report["businesses"].values()
        for name, resource in business["resources"].items()
        if resource["rows"] or resource["deleted"]
    }


def test_copy_holds_what_the_file_holds(copied: User, postgres: str) -> None:
    assert differences(copied, postgres) == []


def test_sync_after_a_copy_reads_only_what_changed(
    copied: User, postgres: str, sandbox: Sandbox
) -> None:
    whole = postgres_rows(postgres, "SELECT count(*) FROM sage.ledger_entries")[0][0]
    edit(sandbox)
    assert 0 < rows_read(copied, *ON_SERVER)["ledger_entries"] < whole / 4
    rows_read(copied)  # the file sees the same moments


def test_both_warehouses_follow_the_same_history(
    copied: User, postgres: str, sandbox: Sandbox
) -> None:
    edit(sandbox)
    checks: list[Any] = []
    for options in ((), ON_SERVER):
        rows_read(copied, *options)
        copied.ok("transform", *options)
        checks.append(json.loads(copied.run("check", "--json", *options).stdout))
    assert differences(copied, postgres) == []
    assert checks[0] == checks[1]


def test_fresh_host_goes_on_from_the_server_alone(
    copied: User, postgres: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    host = User(tmp_path, sandbox, {**copied.environment, "DLT_DATA_DIR": str(tmp_path / "dlt")})
    whole = postgres_rows(postgres, "SELECT count(*) FROM sage.ledger_entries")[0][0]
    # what changed a moment ago is read again: cursors overlap
    assert rows_read(host, *ON_SERVER).get("ledger_entries", 0) < whole / 4


def test_status_counts_the_rows_on_the_server(copied: User) -> None:
    found = json.loads(copied.ok("status", "--json", *ON_SERVER))
    counts = [each["resources"]["sales_invoices"]["rows"] for each in found["businesses"]]
    assert all(counts)


def test_export_from_the_server_has_the_bytes_of_the_file(copied: User, tmp_path: Path) -> None:
    spanish = next(b.id for b in copied.sandbox.state.businesses.values() if b.country == "ES")
    files = []
    for name, options in (("file", ()), ("server", ON_SERVER)):
        copied.ok(
            "export", "sii", "--business", spanish, "--from", "2025-01-01", "--to", "2026-12-31",
            "--force", "--output", str(tmp_path / name), *options,
        )  # fmt: skip
        files.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert files[0] == files[1]


def test_copy_onto_the_books_of_others_is_refused(
    copied: User, postgres: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    stranger = signed_in(tmp_path, sandbox, postgres, "--connection", "stranger")
    stranger.ok("sync", "--connection", "stranger", "--resource", "tax_rates")
    done = stranger.run("copy", "--to", "postgres")
    assert (done.returncode, "does not have" in done.stderr) == (1, True)
