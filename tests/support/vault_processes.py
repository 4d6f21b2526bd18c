"""Real processes that use a vault: one parent with everything imported forks them.

Run as a script it is that parent: one order a line on stdin, one outcome a line on stdout. It starts no
thread, so that a child costs milliseconds and a kill hits a process that has nothing else to do.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

CONNECTION = "acme"


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
    from dlt.destinations.impl.duckdb import duck  # noqa: F401 - imported before the fork

    from sage_accounting import tokens  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        for pid, answers in [_fork(order, number) for number in range(order["count"])]:
            sys.stdout.write(json.dumps(_ended(pid, answers, order)) + "\n")
            sys.stdout.flush()


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
            for child in (task / "children").read_text().split():
                with suppress(ProcessLookupError):
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
        return {"token": digest(_act(vault, order))}
    except SageError as error:
        return {"error": type(error).__name__, "text": str(error)}


def _act(vault: Any, order: dict[str, Any]) -> str:
    from sage_accounting.settings import load_settings
    from sage_accounting.tokens import authorise

    if order["act"] == "sign_in":
        authorise.sign_in_with_refresh_token(
            load_settings(CONNECTION), vault, order["refresh_token"]
        )
    access_token: str = vault.bearer()
    if order["act"] == "refresh":
        return str(vault.refresh_after(access_token))
    if order["act"] == "hammer":
        for _ in range(order["rounds"]):
            access_token = vault.refresh_after(access_token)
    if order["act"] == "use":
        _use(vault, order["seconds"])
    return access_token


def _use(vault: Any, seconds: float) -> None:
    """Requests without a pause, as a sync sends them."""
    import time

    import httpx

    from sage_accounting.tokens import SageAuth

    url = os.environ["SOURCES__SAGE_ACCOUNTING__BASE_URL"] + "/businesses"
    until = time.monotonic() + seconds
    with httpx.Client(auth=SageAuth(vault)) as client:
        for _ in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count()):
            client.get(url)


def digest(access_token: str) -> str:
    return hashlib.sha256(access_token.encode()).hexdigest()


if __name__ == "__main__":
    main()
