"""A sync that finds nothing changed, beside a plain fetch of the same addresses."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.contest import Contender, Cost, comparison, measured
from benchmarks.latency import LATENCY_MS
from benchmarks.pages import THREADS
from benchmarks.servers import Server, User, replaying, sandbox, sign_in

COUNTRIES = "GB,IE,DE,FR,ES,CA,US"
OWN = ("_dlt_pipeline_state.", "_runs.")
SYNC = ["sage_elt", "sync", "--json"]


def unchanged(work: Path, *, runs: int, businesses: int = 50) -> list[str]:
    """The section of the report: once with answers at once, once as over a network."""
    per_country = -(-businesses // 7)
    with (
        sandbox(invoices=20, countries=COUNTRIES, per_country=per_country) as origin,
        replaying(origin) as near,
        replaying(origin, LATENCY_MS) as far,
    ):
        user = sign_in(near, work, near.businesses()[:businesses])
        first = json.loads(user.run("sync", "--json"))
        rounds = {"at once": _rounds(near, user, runs)}
        rounds[f"after {LATENCY_MS} ms"] = _rounds(far, user.asking(far), runs)
    lines = [
        f"{businesses} businesses of seven countries, {first['requests']:,} requests at first. {runs} rounds, "
        f"{THREADS} requests at once. Nothing was loaded but dlt's state and the record of the run.",
    ]
    for answers, (requests, ours, fetch) in rounds.items():
        ratio = ours.least_wall_s / fetch.least_wall_s
        lines += [
            "",
            f"Answers come {answers}:",
            "",
            *comparison([ours, fetch]),
            "",
            f"Finding out with {requests:,} requests that nothing changed takes {ratio:.2f} times the plain "
            "fetch, start of the process included.",
        ]
    return lines


def _rounds(server: Server, user: User, runs: int) -> tuple[int, Contender, Contender]:
    """How many requests a sync without changes sent, and what it and the fetch of the same took."""
    user.run("sync")
    server.log()
    ours, fetch = Contender("sage-elt sync, nothing changed"), Contender("fetch of the same")
    requests = 0
    for _ in range(runs):
        before = _packages(user.folder)
        ours.costs.append(measured(SYNC, user.folder, user.environment))
        asked = server.log()
        requests = len(asked)
        _assert_only_state(user.folder, before)
        fetch.costs.append(_fetch(server, user.folder, asked))
        server.log()
    report = json.loads(user.run("sync", "--json"))
    resources = [r for b in report["businesses"].values() for r in b["resources"].values()]
    assert report["status"] == "ok", report["status"]
    assert not any(r["rows"] or r["deleted"] for r in resources), "something changed"
    return requests, ours, fetch


def _fetch(server: Server, work: Path, asked: list[tuple[float, str, str]]) -> Cost:
    targets = work / "targets.txt"
    targets.write_text("\n".join(f"{business or '-'} {target}" for _, business, target in asked))
    token = server.access_token()
    return measured(["benchmarks.fetch", server.urls["base_url"], token, "-", str(targets)], work)


def _packages(work: Path) -> set[Path]:
    return set(work.glob("dlt/pipelines/sage_elt__default/load/loaded/*"))


def _assert_only_state(work: Path, before: set[Path]) -> None:
    """Of what was loaded since, nothing but the state of the pipeline and the record of the run."""
    for package in _packages(work) - before:
        jobs = [path.name for path in (package / "completed_jobs").iterdir()]
        other = [name for name in jobs if not name.startswith(OWN)]
        assert not other, f"a sync that found no change loaded {other}"
