"""Several processes that push the same file while answers are lost and processes are killed.

``python tests/support/push_crowd.py 1000`` pushes 1,000 documents by 4 processes; exit 1 when a document
is in Sage twice or not at all, or a key is not accounted for.

Processes are forked from a nursery, a process that has everything imported: a new one would spend
three seconds on that, and be killed before it did anything.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shell import User

PROCESSES = 4
COUNTRIES = ("GB", "FR", "CA")
GIVE_UP_S = 900.0
KILLED_AFTER_S = (0.3, 2.5)
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset", "moment": "before", "probability": 0.03},
    {"kind": "reset", "moment": "after", "probability": 0.06},
    {"kind": "status", "status": 503, "moment": "before", "probability": 0.03},
    {"kind": "status", "status": 500, "moment": "after", "probability": 0.03, "body": "html"},
    {"kind": "status", "status": 429, "retry_after": "seconds", "probability": 0.01},
    {"kind": "truncate", "probability": 0.04},
    {"kind": "malform", "probability": 0.04},
)
"""Of every kind of POST; half of them after Sage carried it out."""


class Nursery:
    """The process that others are forked from, seen from outside."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--nursery"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, user: User, output: Path, *arguments: str) -> int:
        """The process id of a ``sage-elt`` command."""
        return int(
            self._ask(
                folder=str(user.folder), environment=user.environment, output=str(output),
                arguments=list(arguments),
            )
        )  # fmt: skip

    def ended(self) -> dict[int, int]:
        """Exit codes of processes that ended since the last call; negative: killed by a signal."""
        return {int(pid): code for pid, code in self._ask().items()}

    def _ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def nursery() -> Iterator[Nursery]:
    opened = Nursery()
    try:
        yield opened
    finally:
        opened.close()


@dataclass
class Outcome:
    """What became of the documents."""

    documents: int
    seconds: float = 0.0
    kills: int = 0
    faults: int = 0
    states: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    twice: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Keys that the outbox does not account for, or with another record than Sage has."""

    @property
    def is_well(self) -> bool:
        return not (self.twice or self.missing or self.unknown)


def push_crowd(
    user: User, forks: Nursery, count: int, seed: int, faults: Sequence[dict[str, Any]] = FAULTS
) -> Outcome:
    """Push ``count`` documents by :data:`PROCESSES` processes until each of these ends by itself."""
    rng = Random(seed)  # noqa: S311
    documents = [_document(user, rng, number) for number in range(count)]
    file = user.folder / "documents.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in documents), encoding="utf-8")
    for number, fault in enumerate(faults):
        user.sandbox.control("fault", method="POST", path="/?*", count=None, seed=number, **fault)
    outcome = Outcome(count)
    started = time.monotonic()
    _until_done(user, forks, file, rng, outcome, max(2, count // 25))
    outcome.seconds = time.monotonic() - started
    outcome.faults = sum(f["hits"] for f in user.sandbox.control("list_faults")["faults"])
    user.sandbox.control("clear_faults")
    _account(user, documents, outcome)
    return outcome


def _until_done(
    user: User, forks: Nursery, file: Path, rng: Random, outcome: Outcome, kills: int
) -> None:
    """Start processes, kill some at random moments, until one finds nothing left to do."""
    output = user.folder / "push.txt"
    running: dict[int, float] = {}
    deadline = time.monotonic() + GIVE_UP_S
    done = 0
    while done < PROCESSES and time.monotonic() < deadline:
        while len(running) < PROCESSES - done:
            pid = forks.start(user, output, "push", str(file))
            dies = outcome.kills + len(running) < kills
            after_s = rng.uniform(*KILLED_AFTER_S) if dies else GIVE_UP_S
            running[pid] = time.monotonic() + after_s
        for pid, code in forks.ended().items():
            running.pop(pid, None)
            done += code == 0
        for pid, at in running.items():
            if time.monotonic() >= at:
                os.kill(pid, signal.SIGKILL)
                running[pid] = deadline
                outcome.kills += 1
        time.sleep(0.02)


def _document(user: User, rng: Random, number: int) -> dict[str, Any]:
    business = rng.choice(list(user.sandbox.state.businesses.values()))
    reference = f"CROWD-{number}"
    resource, body = rng.choice(
        (_invoice, _invoice, _invoice, _contact, _journal, _rate_type, _tax_rate)
    )(business, reference)
    return {"key": reference, "business_id": business.id, "resource": resource, "body": body}


def _invoice(business: Any, reference: str) -> tuple[str, dict[str, Any]]:
    held = business.collections
    contact = next(c for c in held["contacts"] if c["contact_types"][0]["id"] == "CUSTOMER")
    account = next(a for a in held["ledger_accounts"] if a["visible_in_sales"])
    line = {
        "description": "Chairs",
        "ledger_account_id": account["id"],
        "quantity": 2,
        "unit_price": 19.99,
    }
    return "sales_invoices", {
        "contact_id": contact["id"],
        "date": "2026-07-01",
        "reference": reference,
        "invoice_lines": [line],
    }


def _contact(_business: Any, reference: str) -> tuple[str, dict[str, Any]]:
    return "contacts", {
        "name": "Somebody",
        "contact_type_ids": ["CUSTOMER"],
        "reference": reference,
    }


def _journal(business: Any, reference: str) -> tuple[str, dict[str, Any]]:
    first, second, *_ = (a["id"] for a in business.collections["ledger_accounts"])
    lines = [
        {"ledger_account_id": first, "debit": 10, "credit": 0},
        {"ledger_account_id": second, "debit": 0, "credit": 10},
    ]
    return "journals", {"date": "2026-07-01", "reference": reference, "journal_lines": lines}


def _rate_type(_business: Any, reference: str) -> tuple[str, dict[str, Any]]:
    return "service_rate_types", {"name": reference, "active": True}


def _tax_rate(_business: Any, reference: str) -> tuple[str, dict[str, Any]]:
    """Sage recognises no repeat of these."""
    return "tax_rates", {"name": reference}


def _account(user: User, documents: list[dict[str, Any]], outcome: Outcome) -> None:
    """Compare what Sage holds with the file and with the outbox."""
    held: dict[str, list[str]] = {}
    for business in user.sandbox.state.businesses.values():
        for resource in {each["resource"] for each in documents}:
            for record in business.collections[resource]:
                name = record.get("reference") or record.get("name")
                held.setdefault(f"{resource} {business.id} {name}", []).append(record["id"])
    lines = {e["key"]: e for e in json.loads(user.ok("outbox", "--json"))}
    for each in documents:
        key = each["key"]
        ids = held.get(f"{each['resource']} {each['business_id']} {key}", [])
        line = lines.get(key, {})
        outcome.states[line.get("state", "none")] += 1
        outcome.attempts += line.get("attempts", 0)
        if len(ids) > 1:
            outcome.twice.append(key)
        elif not ids:
            outcome.missing.append(key)
        if line.get("state") not in ("created", "replayed") or line["sage_id"] not in ids:
            outcome.unknown.append(key)


def serve_forks() -> None:
    """The nursery itself: one order a line on stdin, one answer a line on stdout."""
    import sage_elt.cli.push  # noqa: F401 - what takes three seconds

    children: set[int] = set()
    for order in map(json.loads, sys.stdin):
        if order:
            children.add(pid := _forked(order))
            answer: Any = pid
        else:
            answer = {}
            for pid in sorted(children):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    answer[pid] = os.waitstatus_to_exitcode(status)
            children -= set(answer)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _forked(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    from sage_elt.cli import main as command

    code = 1
    try:
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["sage-elt", *order["arguments"]]
        command()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os._exit(code)


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    from shell import new_user

    from sage_sandbox.server import running_sandbox

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with (
        tempfile.TemporaryDirectory() as folder,
        running_sandbox(countries=COUNTRIES, invoices=10, seed=1) as sandbox,
        nursery() as forks,
    ):
        user = new_user(Path(folder) / "user", sandbox)
        user.connect()
        outcome = push_crowd(user, forks, count, seed)
        sys.stdout.write(f"{outcome}\n")
        if not outcome.is_well:
            sys.stdout.write((user.folder / "push.txt").read_text()[-3000:])
    return 0 if outcome.is_well else 1


if __name__ == "__main__":
    if "--nursery" in sys.argv:
        serve_forks()
    else:
        sys.exit(main())
