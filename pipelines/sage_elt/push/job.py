"""The job behind ``push``: store the good lines of a file, then send them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sage_accounting.client import SageClient
from sage_accounting.outbox import Outbox
from sage_accounting.outbox_rows import Entry
from sage_accounting.settings import Settings
from sage_accounting.tokens import SageAuth, Vault
from sage_accounting.writes.push import push
from sage_accounting.writes.send import Fate
from sage_accounting.writes.write import Write, idempotency_id
from sage_elt.push.lines import Problem
from sage_elt.push.plan import Plan
from sage_unified.mapping import unified_field

Status = Literal["ok", "partial", "failed", "invalid"]
"""``invalid``: a line has a mistake, and nothing was sent."""
DONE = ("created", "updated", "replayed")


@dataclass(frozen=True)
class LineFate:
    """What became of one line."""

    line: int
    key: str | None
    business_id: str | None = None
    resource: str | None = None
    state: str = "rejected"
    """As in the outbox."""
    is_new: bool = True
    """False: its fate was known before this push."""
    sage_id: str | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "key": self.key,
            "business_id": self.business_id,
            "resource": self.resource,
            "state": self.state,
            "new": self.is_new,
            "sage_id": self.sage_id,
            "error": self.error,
        }


@dataclass
class PushReport:
    """What became of a file."""

    lines: list[LineFate] = field(default_factory=list)
    is_invalid: bool = False
    """Some line has a mistake, so none was sent; ``lines`` has those with mistakes."""

    @classmethod
    def of_problems(cls, plan: Plan) -> PushReport:
        """Of a file of which nothing is sent because of its mistakes."""
        return cls(_wrong_lines(plan), is_invalid=True)

    @property
    def status(self) -> Status:
        if self.is_invalid:
            return "invalid"
        done = sum(1 for each in self.lines if each.state in DONE)
        if done == len(self.lines):
            return "ok"
        return "partial" if done else "failed"

    def counts(self) -> dict[str, int]:
        """Lines by state; ``unchanged`` of them were in Sage before this push."""
        found = Counter(each.state for each in self.lines)
        unchanged = sum(1 for each in self.lines if not each.is_new and each.state in DONE)
        return {
            **{state: found[state] for state in (*DONE, "rejected", "pending")},
            "unchanged": unchanged,
        }

    def to_json(self) -> dict[str, Any]:
        lines = sorted(self.lines, key=lambda each: each.line)
        return {
            "status": self.status,
            **self.counts(),
            "lines": [each.to_json() for each in lines],
        }


def push_plan(plan: Plan, outbox: Outbox, settings: Settings, vault: Vault) -> PushReport:
    """Send the good lines of a plan; those with mistakes are noted in the outbox as rejected.

    Raises ``SageError`` for what stops everything: lines not sent are then pending in the outbox.
    """
    outbox.refuse([(write, _reason(problems)) for write, problems in plan.wrong])
    outbox.store(plan.writes)
    keys = [*plan.known, *(write.key for write in plan.writes)]
    fates: dict[str, Fate] = {}
    with SageClient(settings, SageAuth(vault)) as client:
        entries = push(
            client, outbox, keys, concurrency=settings.concurrency, on_fate=fates.__setitem__
        )
    told = [_told(entry, plan, fates.get(entry.key)) for entry in entries]
    return PushReport([*_wrong_lines(plan), *told])


def bodies(writes: Sequence[Write]) -> list[dict[str, Any]]:
    """What would be sent for each write, as ``--dry-run`` shows it."""
    return [
        {
            "line": write.line,
            "key": write.key,
            "business_id": write.business_id,
            "method": write.method,
            "path": write.path,
            "idempotency_key": idempotency_id(write),
            "body": json.loads(write.sent(idempotency_id(write)), parse_float=Decimal),
        }
        for write in writes
    ]


def _told(entry: Entry, plan: Plan, fate: Fate | None) -> LineFate:
    before, line = plan.known.get(entry.key), plan.lines[entry.key]
    error = entry.error
    if fate is not None and line.type is not None and error:
        fields = [unified_field(line.type, c.field) for c in fate.complaints if c.field]
        error += f" In the line: {', '.join(f'data.{name}' for name in fields)}." if fields else ""
    return LineFate(
        line=line.number,
        key=entry.key,
        business_id=entry.business_id,
        resource=entry.resource,
        state=entry.state,
        is_new=before is None or not before.is_final,
        sage_id=entry.sage_id or entry.record_id,
        error=error,
    )


def _wrong_lines(plan: Plan) -> list[LineFate]:
    wrong = [
        LineFate(
            line=write.line,
            key=write.key,
            business_id=write.business_id,
            resource=write.resource,
            error=_reason(problems),
        )
        for write, problems in plan.wrong
    ]
    return [*wrong, *(LineFate(each.line, each.key, error=_said(each)) for each in plan.unusable)]


def _reason(problems: Sequence[Problem]) -> str:
    return "; ".join(_said(each) for each in problems)


def _said(problem: Problem) -> str:
    return f"{problem.field}: {problem.mistake}" if problem.field else problem.mistake
