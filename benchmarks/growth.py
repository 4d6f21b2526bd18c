"""How a first sync grows with rows, with pages and with businesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contents import contents_of
from benchmarks.contest import Contender, measured, rows_of
from benchmarks.full_sync import SYNC
from benchmarks.servers import WAREHOUSE, Server, replaying, sandbox, sign_in

FACTORS = (1, 2, 4)


def growth(work: Path, *, invoices: int, runs: int) -> list[str]:
    """The section of the report; ``invoices`` are those of factor 1."""
    return [
        *_more_rows(work / "rows", invoices, runs),
        "",
        *_more_pages(work / "pages", invoices, runs),
        "",
        *_more_businesses(work / "businesses", invoices, runs),
    ]


def _more_rows(work: Path, invoices: int, runs: int) -> list[str]:
    with ExitStack() as stack:
        servers = []
        for factor in FACTORS:
            origin = stack.enter_context(sandbox(invoices=invoices * factor))
            servers.append(stack.enter_context(replaying(origin)))
        choices = [(server, server.businesses()) for server in servers]
        return _table(work, f"One business, {invoices:,} invoices", choices, runs)


def _more_pages(work: Path, invoices: int, runs: int) -> list[str]:
    with ExitStack() as stack:
        origin = stack.enter_context(sandbox(invoices=invoices))
        choices = []
        for factor in FACTORS:
            server = stack.enter_context(replaying(origin))
            origin.control("page_size", largest=200 // factor)
            user = sign_in(server, work / f"warm-{factor}", server.businesses())
            measured(SYNC, user.folder, user.environment)  # the replay now has its pages
            choices.append((server, server.businesses()))
        return _table(work, "The same in pages of 200, 100, 50", choices, runs)


def _more_businesses(work: Path, invoices: int, runs: int) -> list[str]:
    each = invoices // 4
    with sandbox(invoices=each, per_country=max(FACTORS)) as origin, replaying(origin) as server:
        ids = server.businesses()
        choices = [(server, ids[:factor]) for factor in FACTORS]
        return _table(work, f"Businesses of {each:,} invoices", choices, runs)


def _table(
    work: Path, title: str, choices: Sequence[tuple[Server, Sequence[str]]], runs: int
) -> list[str]:
    """Sync each choice of a server and businesses in turn; a row for each."""
    contenders = [Contender(f"× {factor}") for factor in FACTORS]
    users = [
        sign_in(server, work / f"signed-in-{factor}", businesses)
        for factor, (server, businesses) in zip(FACTORS, choices, strict=True)
    ]
    counts = []
    for run in range(-1, runs):  # the first round fills the replay and is not counted
        for number, (contender, user) in enumerate(zip(contenders, users, strict=True)):
            server, _ = choices[number]
            folder = work / f"{run}-{number}"
            server.log()
            cost = measured(SYNC, folder, user.copied_to(folder).environment)
            if run < 0:
                contents = contents_of(folder / WAREHOUSE)
                counts.append((sum(rows for rows, _ in contents.values()), len(server.log())))
            else:
                contender.costs.append(cost)
    first = contenders[0]
    share: Callable[[float], str] = "{:.2f}".format
    rows_ = [
        (
            contender.name,
            f"{rows:,}",
            f"{requests:,}",
            share(contender.least_wall_s),
            share(contender.least_cpu_s),
            f"{contender.peak_mib:.0f}",
            share(contender.least_cpu_s / first.least_cpu_s),
        )
        for contender, (rows, requests) in zip(contenders, counts, strict=True)
    ]
    header = [title, "rows", "requests", "min s", "CPU s", "peak MiB", "CPU / first"]
    return rows_of(header, rows_)
