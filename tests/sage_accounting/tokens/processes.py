"""Forks processes that use the vault; run as a script by the tests, one order a line on stdin.

The parent imports everything once and starts no thread, so that a child costs milliseconds and
a kill at a named step hits a process that has nothing else to do.
"""

import hashlib
import json
import os
import signal
import sys
from typing import Any

from dlt.destinations.impl.duckdb import duck  # noqa: F401 - imported before the fork

from sage_accounting.client import RetryPolicy
from sage_accounting.errors import SageError
from sage_accounting.settings import load_settings
from sage_accounting.tokens import Vault, open_vault
from sage_accounting.tokens.steps import Step


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        children = [_fork(order) for _ in range(order["count"])]
        for pid, answers in children:
            with os.fdopen(answers, "rb") as pipe:
                said = pipe.read()
            _, status = os.waitpid(pid, 0)
            killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            outcome = json.loads(said) if said else {}
            sys.stdout.write(json.dumps({"killed": killed, **outcome}) + "\n")
            sys.stdout.flush()


def _fork(order: dict[str, Any]) -> tuple[int, int]:
    answers, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, answers
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        os.write(writing, json.dumps(_outcome(order)).encode())
    finally:
        os._exit(0)


def _outcome(order: dict[str, Any]) -> dict[str, Any]:
    def step(passed: Step) -> None:
        if passed == order.get("kill_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    vault = open_vault(
        load_settings("acme"),
        destination=order["destination"],
        pipelines_dir=order["pipelines_dir"].format(pid=os.getpid()),
        retry=RetryPolicy(attempts=3, initial_s=0.01, maximum_s=0.02),
        steps=step,
    )
    try:
        return {"token": digest(_act(vault, order))}
    except SageError as error:
        return {"error": type(error).__name__, "text": str(error)}


def _act(vault: Vault, order: dict[str, Any]) -> str:
    if order["act"] == "refresh":
        return vault.refresh_after(vault.bearer())
    access_token = vault.bearer()
    for _ in range(order.get("rounds", 0)):
        access_token = vault.refresh_after(access_token)
    return access_token


def digest(access_token: str) -> str:
    return hashlib.sha256(access_token.encode()).hexdigest()


if __name__ == "__main__":
    main()
