"""Real processes that use a vault: one parent with everything imported forks them.

Run as a script it is that parent: one order a line on stdin, one outcome a line on stdout. It starts no
thread, so that a child costs milliseconds and a kill hits a process that has nothing else to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sage_sandbox.server import Sandbox

CONNECTION = "acme"


def environment(sandbox: Sandbox, key: str, folder: Path) -> dict[str, str]:
    """What a process needs to use the sandbox and a DuckDB warehouse in ``folder``."""
    return {
        **os.environ,
        **sandbox.settings_env(),
        "SOURCES__SAGE_ACCOUNTING__TOKEN_KEY": key,
        "DESTINATION__DUCKDB__CREDENTIALS": str(folder / "sage.duckdb"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


class Processes:
    """The parent, seen from a test."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, act: str, environment: Mapping[str, str], count: int = 1, **arguments: Any
    ) -> list[dict[str, Any]]:
        """What became of ``count`` processes that each do ``act``, in parallel."""
        order = {"act": act, "environment": dict(environment), "count": count, **arguments}
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        return [json.loads(self._parent.stdout.readline()) for _ in range(count)]

    def close(self) -> None:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()


def main() -> None:
    _import_everything()
    for line in sys.stdin:
        order = json.loads(line)
        for pid, answers in [_fork(order, number) for number in range(order["count"])]:
            sys.stdout.write(json.dumps(_ended(pid, answers, order)) + "\n")
            sys.stdout.flush()


def _import_everything() -> None:
    """dlt imports much at first use only; each child would do it again."""
    from dlt.destinations.impl.duckdb import duck  # noqa: F401

    from sage_accounting.tokens.crypt import Sealed
    from sage_accounting.tokens.dlt_state import DltState

    with tempfile.TemporaryDirectory() as folder:
        DltState("warm_up", None, Path(folder)).write(Sealed(1, 1, "text"))


def _fork(order: dict[str, Any], number: int) -> tuple[int, int]:
    answers, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, answers
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        order["pipelines_dir"] = order["pipelines_dir"].format(number=number)
        os.write(writing, json.dumps(_outcome(order)).encode())
    finally:
        os._exit(0)


def _ended(pid: int, answers: int, order: dict[str, Any]) -> dict[str, Any]:
    """Kill as ordered, wait, tell."""
    kill_after_s = order.get("kill_after_s")
    if kill_after_s is not None and not select.select([answers], [], [], kill_after_s)[0]:
        _kill(pid, order["kill"])
    with os.fdopen(answers, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    return {"killed": killed, **(json.loads(said) if said else {})}


def _kill(pid: int, whom: str) -> None:
    """``process``, the ``exchange`` that it has started, or ``both`` at once."""
    if whom != "process":
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # threads and processes end
                for child in (task / "children").read_text().split():
                    os.kill(int(child), signal.SIGKILL)
    if whom != "exchange":
        os.kill(pid, signal.SIGKILL)


def _outcome(order: dict[str, Any]) -> dict[str, Any]:
    from sage_accounting.client import RetryPolicy
    from sage_accounting.errors import SageError
    from sage_accounting.settings import load_settings
    from sage_accounting.tokens import open_vault

    def step(passed: str) -> None:
        if passed == order.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    vault = open_vault(
        load_settings(CONNECTION),
        destination=order["destination"],
        pipelines_dir=order["pipelines_dir"],
        retry=RetryPolicy(attempts=3, initial_s=0.01, maximum_s=0.02),
        steps=step,
    )
    try:
        return _act(vault, order)
    except SageError as error:
        return {"error": type(error).__name__, "text": str(error)}


def _act(vault: Any, order: dict[str, Any]) -> dict[str, Any]:
    from sage_accounting.settings import load_settings
    from sage_accounting.tokens import authorise

    if order["act"] == "sign_in":
        settings = load_settings(CONNECTION)
        authorise.sign_in_with_refresh_token(settings, vault, order["refresh_token"])
        vault.save_to_destination()
    counts = _use(vault, order["seconds"]) if order["act"] == "use" else {}
    access_token = vault.bearer()
    if order["act"] == "refresh":
        access_token = vault.refresh_after(access_token)
    return {"token": digest(access_token), **counts}


def _use(vault: Any, seconds: float) -> dict[str, int]:
    """Requests without a pause, as a sync sends them; how many were answered and refused."""
    import httpx

    from sage_accounting.tokens import SageAuth

    url = os.environ["SOURCES__SAGE_ACCOUNTING__BASE_URL"] + "/businesses"
    counts = {"served": 0, "refused": 0}
    until = time.monotonic() + seconds
    with httpx.Client(auth=SageAuth(vault)) as client:
        while time.monotonic() < until:
            counts["served" if client.get(url).is_success else "refused"] += 1
    return counts


def digest(access_token: str) -> str:
    return hashlib.sha256(access_token.encode()).hexdigest()


if __name__ == "__main__":
    main()
