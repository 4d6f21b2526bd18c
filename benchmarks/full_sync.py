"""A first sync of invoices and ledger entries, beside every other way to do it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.contents import columns_of, contents_of, differences
from benchmarks.contest import Contender, Cost, comparison, measured
from benchmarks.pages import QUERIES, Api
from benchmarks.servers import WAREHOUSE, User, replaying, sandbox, sign_in

SYNC = ["sage_elt", "sync", *(word for name in QUERIES for word in ("--resource", name))]
REST_API = "dlt rest_api, tuned"
"""Takes so many minutes that it runs in the first round only."""


def full_sync(work: Path, *, invoices: int, runs: int) -> list[str]:
    """The section of the report: all contenders, interleaved, their warehouses compared."""
    with sandbox(invoices=invoices) as origin, replaying(origin) as server:
        (business,) = server.businesses()
        api = Api(server.urls["base_url"], server.access_token(), business)
        user = sign_in(server, work / "signed-in")
        ways: dict[str, Callable[[Path], Cost]] = {
            "sage-elt sync": lambda folder: _ours(user, folder),
            "floor: httpx, Arrow, DuckDB by hand": lambda folder: _peer("floor", api, folder),
            "DuckDB read_json": lambda folder: _peer("read_json", api, folder),
            REST_API: lambda folder: _peer("rest_api", api, folder),
            "fetch: the bytes only": lambda folder: _peer("fetch", api, folder),
        }
        contenders = [Contender(name) for name in ways]
        _peer("fetch", api, _folder(work, "warm-up"))
        for run in range(runs):
            for number, contender in enumerate(contenders):
                if run and contender.name == REST_API:
                    continue
                folder = _folder(work, f"{run}-{number}")
                contender.costs.append(ways[contender.name](folder))
        _compare(work, runs, contenders)
    contents = contents_of(work / "0-0" / WAREHOUSE)
    ours, floor, _, other, _ = contenders
    return [
        f"{contents['sales_invoices'][0]:,} sales and {contents['purchase_invoices'][0]:,} purchase "
        f"invoices with their lines, {contents['ledger_entries'][0]:,} ledger entries: "
        f"{sum(rows for rows, _ in contents.values()):,} rows in {len(contents)} tables. "
        f"{runs} rounds, of which dlt's rest_api takes part in the first. Rows and sums of amounts are "
        "equal in all warehouses, and so are columns and types in the first three.",
        "",
        *comparison(contenders),
        "",
        f"By the clock, sage-elt takes {ours.least_wall_s / floor.least_wall_s:.2f} times as long as the "
        f"floor and dlt's rest_api {other.least_wall_s / ours.least_wall_s:.1f} times as long as sage-elt; "
        f"in processor seconds it is {ours.least_cpu_s / floor.least_cpu_s:.2f} and "
        f"{other.least_cpu_s / ours.least_cpu_s:.1f} times.",
    ]


def _folder(work: Path, name: str) -> Path:
    folder = work / name
    folder.mkdir(parents=True)
    return folder


def _ours(user: User, folder: Path) -> Cost:
    return measured(SYNC, folder, user.copied_to(folder).environment)


def _peer(name: str, api: Api, folder: Path) -> Cost:
    target = [] if name == "fetch" else [str(folder)]
    return measured([f"benchmarks.{name}", api.base_url, api.token, api.business, *target], folder)


def _compare(work: Path, runs: int, contenders: list[Contender]) -> None:
    """Raise AssertionError when a warehouse is not as ours of the first round."""
    ours = work / "0-0" / WAREHOUSE
    expected, columns = contents_of(ours), columns_of(ours)
    for run in range(runs):
        for number, contender in enumerate(contenders):
            path = work / f"{run}-{number}" / WAREHOUSE
            if not path.exists():
                continue  # the plain fetch keeps nothing
            found = differences(expected, contents_of(path))
            assert not found, f"{contender.name} has other contents: {found}"
            if number in (1, 2):
                types = columns_of(path)
                wrong = [name for name in types if types[name] != columns.get(name)]
                assert not wrong, f"{contender.name} has other columns in {wrong}"
