"""Many processes of one connection whose access tokens live for a second.

``python tests/support/crowd.py 60`` (``make crowd SECONDS=60``) does it for a minute, first on one machine,
then on hosts that share a PostgreSQL warehouse and no disk; exit 1 when a refresh token was sent twice or
a process failed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from postgres_server import postgres_server
from vault_processes import Processes, environment

from sage_sandbox.server import Sandbox, running_sandbox

PROCESSES = 16
ACCESS_LIFETIME_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of the crowd."""

    served: int
    """Requests that Sage answered."""
    refused: int
    """Requests that Sage refused although their token was refreshed once more on the way."""
    refreshes: int
    used_twice: int
    """Refresh tokens sent after their exchange."""
    failures: list[str]


def crowd(
    sandbox: Sandbox,
    processes: Processes,
    folder: Path,
    postgres: str | None,
    count: int,
    seconds: float,
) -> Outcome:
    """``count`` processes that send requests without a pause for ``seconds``.

    ``postgres``: the address of a warehouse that they share instead of the folder.
    """
    desk = sandbox.state.tokens
    environ = environment(sandbox, Fernet.generate_key().decode(), folder)
    arguments = {
        "environment": {**environ, "DESTINATION__POSTGRES__CREDENTIALS": postgres or ""},
        "destination": "postgres" if postgres else "duckdb",
        "pipelines_dir": str(folder / ("host-{number}" if postgres else "pipelines")),
    }
    sandbox.control("tokens", access_lifetime_s=ACCESS_LIFETIME_S)
    processes.run("sign_in", refresh_token=sandbox.authorise(), **arguments)
    refreshes, reused = desk.refreshes, len(desk.reused_refresh_tokens)
    outcomes = processes.run("use", count=count, seconds=seconds, **arguments)
    return Outcome(
        served=sum(outcome.get("served", 0) for outcome in outcomes),
        refused=sum(outcome.get("refused", 0) for outcome in outcomes),
        refreshes=desk.refreshes - refreshes,
        used_twice=len(desk.reused_refresh_tokens) - reused,
        failures=[str(outcome) for outcome in outcomes if "token" not in outcome],
    )


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    processes = Processes()
    is_well = True
    try:
        with (
            running_sandbox(countries=("GB",), invoices=1, seed=1) as sandbox,
            postgres_server() as server,
        ):
            for postgres in (None, server):
                with tempfile.TemporaryDirectory() as folder:
                    outcome = crowd(sandbox, processes, Path(folder), postgres, PROCESSES, seconds)
                where = "hosts over PostgreSQL" if postgres else "processes on one machine"
                sys.stdout.write(f"{PROCESSES} {where}, {seconds:.0f} s: {outcome}\n")
                is_well = is_well and not outcome.used_twice and not outcome.failures
    finally:
        processes.close()
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
