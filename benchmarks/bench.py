"""Side-by-side measurements in one run: ``make bench``.

    python -m benchmarks.bench [--invoices 20000] [--runs 3]

A sandbox server with one business's books runs as a process of its own; each contender syncs the same
lists from it into a fresh DuckDB file, as a process of its own, in turn. Shown are the minimum and the
median of wall seconds, the peak memory, and the ratio of the medians to ours. A contender whose tables do
not hold the same rows and sums is no contender: the run then fails.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import dlt
import duckdb
import httpx
from cryptography.fernet import Fernet

from sage_accounting.settings import load_settings
from sage_accounting.tokens import Vault, authorise, open_vault

RESOURCES = ("sales_invoices", "purchase_invoices", "ledger_entries")
CHECKS = {
    # what must be equal in every contender's warehouse
    "sales invoices": ("sales_invoices", "total_amount"),
    "their lines": ("sales_invoices__invoice_lines", "net_amount"),
    "purchase invoices": ("purchase_invoices", "total_amount"),
    "ledger entries": ("ledger_entries", "debit"),
}


@dataclass
class Contender:
    """One way to get the lists into DuckDB, and what it took."""

    name: str
    command: Callable[[Path], list[str]]
    """Module and arguments to run for a folder; called before the clock starts."""
    seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sandbox(options.invoices) as urls:
        work = Path(folder)
        environment(urls, work)

        def ours(folder: Path) -> list[str]:
            vault = sign_in(folder)
            return ["benchmarks.ours", only_business(vault), str(folder)]

        def rest_api(folder: Path) -> list[str]:
            vault = sign_in(folder / "auth")
            business_id = only_business(vault)
            return [
                "benchmarks.rest_api",
                urls["base_url"],
                vault.bearer(),
                business_id,
                str(folder),
            ]

        contenders = [
            Contender("sage_accounting", ours),
            Contender("dlt rest_api, tuned", rest_api),
        ]
        warm_up(sign_in(work / "warm-up"))
        for run in range(options.runs):
            for contender in contenders:  # interleaved, so that a slow minute hits all
                measure(contender, work / f"{run}-{contender.name.replace(' ', '-')}")
        compare_contents(work, options.runs, contenders)
    report(contenders)


@contextmanager
def sandbox(invoices: int) -> Iterator[dict[str, str]]:
    """A sandbox server process; yields its addresses."""
    command = [sys.executable, "-m", "sage_sandbox", "--port", "0", "--countries", "GB"]
    options = ["--invoices", str(invoices), "--seed", "1", "--token-lifetime", "36000"]
    server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(timeout=30)


def environment(urls: dict[str, str], work: Path) -> None:
    prefix = "SOURCES__SAGE_ACCOUNTING__"
    names = ("base_url", "token_url", "revoke_url", "authorize_url", "client_id", "client_secret")
    os.environ.update({prefix + name.upper(): urls[name] for name in names})
    os.environ[prefix + "TOKEN_KEY"] = Fernet.generate_key().decode()
    os.environ[prefix + "REQUESTS_PER_MINUTE"] = "0"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["CONTROL_URL"] = urls["control_url"]
    os.environ["DLT_DATA_DIR"] = str(work / "dlt")


def sign_in(folder: Path) -> Vault:
    """A vault beside the warehouse in ``folder``, signed in."""
    settings = load_settings()
    answer = httpx.post(f"{os.environ['CONTROL_URL']}/authorise", json={}).raise_for_status()
    destination = dlt.destinations.duckdb(f"{folder}/books.duckdb")
    folder.mkdir(parents=True, exist_ok=True)
    vault = open_vault(settings, destination=destination, pipelines_dir=f"{folder}/pipelines")
    authorise.sign_in_with_refresh_token(settings, vault, answer.json()["refresh_token"])
    vault.save_to_destination()
    return vault


def only_business(vault: Vault) -> str:
    headers = {"Authorization": f"Bearer {vault.bearer()}"}
    answer = httpx.get(f"{load_settings().base_url}/businesses", headers=headers)
    (business,) = answer.raise_for_status().json()["$items"]
    return str(business["id"])


def warm_up(vault: Vault) -> None:
    """Read the lists once, so that the server's own first work is nobody's time."""
    headers = {"Authorization": f"Bearer {vault.bearer()}", "X-Business": only_business(vault)}
    with httpx.Client(base_url=load_settings().base_url, headers=headers, timeout=60) as http:
        for name in RESOURCES:
            query = {"attributes": "all", "items_per_page": "200"}
            if name.endswith("_invoices"):
                query |= {"sort": "created_at:asc", "show_payments_allocations": "true"}
            total, page = 1, 0
            while page * 200 < total:
                page += 1
                answer = http.get(f"/{name}", params={**query, "page": str(page)})
                total = answer.raise_for_status().json()["$total"]


def measure(contender: Contender, folder: Path) -> None:
    command = [sys.executable, "-m", *contender.command(folder)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    contender.seconds.append(time.perf_counter() - started)
    assert os.waitstatus_to_exitcode(status) == 0, f"{contender.name} failed"
    contender.peak_mib = max(contender.peak_mib, usage.ru_maxrss / 1024)
    print(f"{contender.name}: {contender.seconds[-1]:.2f} s", file=sys.stderr)


def compare_contents(work: Path, runs: int, contenders: list[Contender]) -> None:
    found: dict[str, set[tuple[int, Decimal]]] = {}
    for run in range(runs):
        for contender in contenders:
            path = work / f"{run}-{contender.name.replace(' ', '-')}" / "books.duckdb"
            with duckdb.connect(str(path), read_only=True) as connection:
                for check, (table, amount) in CHECKS.items():
                    row = connection.execute(
                        f"SELECT count(*), sum(CAST({amount} AS DECIMAL(28, 4))) FROM sage.{table}"
                    ).fetchone()
                    assert row is not None
                    found.setdefault(check, set()).add(row)
    for check, values in found.items():
        assert len(values) == 1, f"the contenders do not agree on {check}: {values}"
        ((count, total),) = values
        print(f"{check}: {count:,} rows, sum {total:,}")


def report(contenders: list[Contender]) -> None:
    ours = statistics.median(contenders[0].seconds)
    print(f"{'':24}{'min s':>8}{'median s':>10}{'peak MiB':>10}{'ratio':>8}")
    for contender in contenders:
        median = statistics.median(contender.seconds)
        print(
            f"{contender.name:24}{min(contender.seconds):8.2f}{median:10.2f}"
            f"{contender.peak_mib:10.0f}{median / ours:8.2f}"
        )
    print(
        f"bench process peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )


if __name__ == "__main__":
    main()
