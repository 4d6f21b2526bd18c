"""Pages a second when each answer takes 50 ms, as over a network, and no budget holds."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest import measured, rows_of
from benchmarks.full_sync import SYNC
from benchmarks.pages import QUERIES, THREADS
from benchmarks.servers import Server, replaying, sandbox, sign_in

LATENCY_MS = 50


def latency(work: Path, *, invoices: int, runs: int) -> list[str]:
    """The section of the report."""
    with sandbox(invoices=invoices) as origin, replaying(origin, LATENCY_MS) as server:
        (business,) = server.businesses()
        token = server.access_token()
        plain = ["benchmarks.fetch", server.urls["base_url"], token, business]
        work.mkdir(exist_ok=True)
        measured(plain, work)  # the replay now has the pages
        signed_in = sign_in(server, work / "signed-in")
        ours, fetch = [], []
        for run in range(runs):
            folder = work / str(run)
            user = signed_in.copied_to(folder)
            server.log()
            measured(SYNC, folder, user.environment)
            ours.append(_pages_per_second(server))
            measured(plain, folder)
            fetch.append(_pages_per_second(server))
    most = THREADS * 1000 / LATENCY_MS
    rows = [
        (name, pages, *(f"{rate:.0f}" for rate in sorted(rates, reverse=True)))
        for name, pages, rates in (
            ("sage-elt sync", ours[0][0], [rate for _, rate in ours]),
            ("plain fetch", fetch[0][0], [rate for _, rate in fetch]),
        )
    ]
    runs_ = [f"run {n}" for n in range(1, runs + 1)]
    return [
        f"{THREADS} requests at once, {LATENCY_MS} ms each: at most {most:.0f} pages a second. From the "
        "first page asked to the last, by the server's own log; best run first.",
        "",
        *rows_of(["pages a second", "pages", *runs_], rows),
    ]


def _pages_per_second(server: Server) -> tuple[int, float]:
    """Pages of the compared lists that were asked, and how many in a second."""
    paths = tuple(f"/{name}?" for name in QUERIES)
    at = [moment for moment, _, target in server.log() if target.startswith(paths)]
    return len(at), (len(at) - 1) / (max(at) - min(at))
