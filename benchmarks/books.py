"""Transform, check and export of large books: each command as users run it, its seconds and its memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks.contest import Cost, measured, rows_of
from benchmarks.servers import WAREHOUSE, User, sandbox, sign_in

INVOICES = 1500
"""Of the sandbox's books that are copied: some 9,600 ledger entries."""
EVER = ("2024-01-01", "2026-12-31")
"""All days of the sandbox's books."""
EXPORTS = {
    # by format: the country of its books, whether it is of one financial year, and what else it needs
    "fec": ("FR", True, ()),
    "vat-return": ("FR", False, ()),
    "datev": ("DE", True, ("--consultant", "29098", "--client", "7")),
    "sii": ("ES", False, ()),
}


def books(work: Path, *, millions: Sequence[int]) -> list[str]:
    """The section on transform and check."""
    rows = []
    for count in millions:
        user = large_books(work / str(count), "FR", count * 1_000_000)
        built = _command(user, "transform")
        checked = _command(user, "check")
        documents, lines = _counts(user, "unified.fct_document", "unified.fct_tax_line")
        rows.append(
            (
                f"{count} million",
                f"{documents:,}",
                f"{lines:,}",
                *_told(built),
                *_told(checked),
            )
        )
    header = [
        "ledger entries", "documents", "tax lines", "transform s", "peak MiB", "check s", "peak MiB",
    ]  # fmt: skip
    return [
        "One French business, one run each. Its books are the sandbox's, many times over, so every tie-out "
        "holds (`benchmarks/copies.py`).",
        "",
        *rows_of(header, rows),
    ]


def exports(work: Path) -> list[str]:
    """The section on exports of a million ledger entries."""
    users: dict[str, User] = {}
    rows = []
    for name, (country, is_of_a_year, further) in EXPORTS.items():
        if country not in users:
            users[country] = large_books(work / country, country, 1_000_000)
            users[country].run("transform")
        user = users[country]
        business, *year = _business(user)
        first, last = year if is_of_a_year else EVER
        (entries,) = _counts(
            user, f"unified.fct_ledger_entry WHERE date BETWEEN '{first}' AND '{last}'"
        )
        output = user.folder / name
        period = ("--business", business, "--from", first, "--to", last)
        cost = _command(user, "export", name, *period, *further, "--output", str(output))
        size = sum(file.stat().st_size for file in output.iterdir()) / 1024**2
        rows.append((name, country, f"{entries:,}", f"{size:.0f}", *_told(cost)))
    header = ["", "books of", "entries in the period", "files MiB", "s", "peak MiB"]
    return [
        "One business of a million ledger entries, with its documents and payments; one run each, tie-outs "
        "included, which look at all years.",
        "",
        *rows_of(header, rows),
    ]


def large_books(folder: Path, country: str, entries: int) -> User:
    """Somebody whose warehouse has a business with about so many ledger entries, not yet transformed."""
    with sandbox(invoices=INVOICES, countries=country) as server:
        user = sign_in(server, folder)
        user.run("sync")
    user.run("transform")
    _map_all_rates(user)
    (first,) = _counts(user, "sage.ledger_entries")
    # in a process of its own: what a command's parent holds in memory counts as the command's
    times = str(-(-entries // first))
    measured(["benchmarks.copies", str(folder / WAREHOUSE), times], folder)
    return user


def _map_all_rates(user: User) -> None:
    """Say of the tax rates that no rule maps that they are exempt, as the tenant would: exports need it."""
    with _reading(user) as connection:
        rates = connection.execute(
            "SELECT DISTINCT business_id, tax_rate_id FROM unified.dim_tax_rate "
            "WHERE unmapped_reason IS NOT NULL ORDER BY ALL"
        ).fetchall()
    header = "business_id,kind,id,category_code,rate_class,treatment"
    lines = [f"{business},tax_rate,{rate},E,none,exempt" for business, rate in rates]
    (user.folder / "sage_overrides.csv").write_text("\n".join([header, *lines, ""]))


def _command(user: User, *arguments: str) -> Cost:
    return measured(["sage_elt", *arguments], user.folder, user.environment)


def _told(cost: Cost) -> tuple[str, str]:
    return f"{cost.wall_s:.0f}", f"{cost.peak_mib:.0f}"


def _counts(user: User, *sources: str) -> list[int]:
    with _reading(user) as connection:
        rows = [
            connection.execute(f"SELECT count(*) FROM {source}").fetchone() for source in sources
        ]
    return [int(row[0]) for row in rows if row]


def _reading(user: User) -> duckdb.DuckDBPyConnection:
    """The warehouse, in little memory: a command that is measured afterwards begins with its parent's."""
    return duckdb.connect(
        user.folder / WAREHOUSE, read_only=True, config={"memory_limit": "64MB", "threads": 1}
    )


def _business(user: User) -> tuple[str, str, str]:
    """The business of the books, and first and last day of its financial year that ends in 2025."""
    with _reading(user) as connection:
        row = connection.execute(
            "SELECT business_id, CAST(make_date(2024, month(last), day(last)) + 1 AS VARCHAR), "
            "CAST(make_date(2025, month(last), day(last)) AS VARCHAR) FROM "
            "(SELECT business_id, coalesce(year_end_date, DATE '2025-12-31') AS last "
            "FROM unified.dim_business)"
        ).fetchone()
    assert row is not None
    return row
