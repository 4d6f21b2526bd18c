"""A sync that finds nothing changed, beside a plain fetch of the same addresses."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.contest import Contender, Cost, comparison, measured
from benchmarks.servers import Server, replaying, sandbox, sign_in

COUNTRIES = "GB,IE,DE,FR,ES,CA,US"
OWN = ("_dlt_pipeline_state.", "_runs.")
SYNC = ["sage_elt", "sync", "--json"]


def unchanged(work: Path, *, runs: int, businesses: int = 50) -> list[str]:
    """The section of the report."""
    per_country = -(-businesses // 7)
    with (
        sandbox(invoices=20, countries=COUNTRIES, per_country=per_country) as origin,
        replaying(origin) as server,
    ):
        user = sign_in(server, work, server.businesses()[:businesses])
        first = json.loads(user.run("sync", "--json"))
        user.run("sync")
        server.log()
        ours, fetch = Contender("sage-elt sync, nothing changed"), Contender("fetch of the same")
        requests = 0
        for _ in range(runs):
            before = _packages(work)
            ours.costs.append(measured(SYNC, work, user.environment))
            asked = server.log()
            requests = len(asked)
            _assert_only_state(work, before)
            fetch.costs.append(_fetch(server, work, asked))
            server.log()
        report = json.loads(user.run("sync", "--json"))
    resources = [r for b in report["businesses"].values() for r in b["resources"].values()]
    assert report["status"] == "ok", report["status"]
    assert not any(r["rows"] or r["deleted"] for r in resources), "something changed"
    ratio = ours.least_wall_s / fetch.least_wall_s
    return [
        f"{businesses} businesses of seven countries, {len(resources):,} lists "
        f"({first['requests']:,} requests at first, {requests:,} now). {runs} rounds. Nothing was "
        "loaded but dlt's state and the record of the run.",
        "",
        *comparison([ours, fetch]),
        "",
        f"Finding out that nothing changed takes {ratio:.2f} times the plain fetch, start of the "
        "process included.",
    ]


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
