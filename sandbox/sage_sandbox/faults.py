"""Faults on request: which calls they hit and what goes wrong then."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qsl

from sage_sandbox.answers import Answer, Call, error_array, json_answer
from sage_sandbox.limits import RetryAfter, retry_after_header

Kind = Literal["status", "reset", "truncate", "malform", "slow", "then"]
Moment = Literal["before", "after"]
BodyForm = Literal["array", "object", "html", "empty"]

KINDS: tuple[Kind, ...] = ("status", "reset", "truncate", "malform", "slow", "then")
MOMENTS: tuple[Moment, ...] = ("before", "after")
BODY_FORMS: tuple[BodyForm, ...] = ("array", "object", "html", "empty")

_DATA_CODES = {
    401: "AccessTokenVerificationError",
    403: "MultiUserAccessDenied",
    404: "RecordNotFound",
    429: "TooManyRequests",
}


@dataclass
class Fault:
    """One thing that goes wrong. A call is hit when all conditions that are set hold.

    ``kind``: ``status`` answers with a status; ``reset`` cuts the connection; ``truncate`` cuts it in
    the middle of the body; ``malform`` sends half of the JSON as if it were whole; ``slow`` answers
    late; ``then`` answers well and then carries out control operations: a list moves while it is read,
    tokens expire between two pages.
    """

    kind: Kind
    method: str | None = None
    path: str | None = None
    """A pattern with ``*`` for the path below the mount point: ``/sales_invoices*``, ``/token``."""
    business: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    """Parameters that the call has."""
    nth: int = 1
    """The first matching call that is hit, from 1."""
    count: int | None = 1
    """How many calls are hit; None = all from then on."""
    probability: float = 1.0
    seed: int = 0
    moment: Moment = "before"
    """Whether ``status`` and ``reset`` strike before or after the call was carried out."""
    status: int = 503
    body: BodyForm = "array"
    retry_after: RetryAfter = "none"
    retry_after_s: int = 1
    delay_ms: int = 0
    operations: Sequence[Mapping[str, Any]] = ()
    """Of a ``then`` fault: ``{"operation": "edit", …}``, by name and arguments."""
    id: int = 0
    """Given when the fault is added."""
    matched: int = 0
    hits: int = 0
    _random: Random | None = field(default=None, repr=False)

    def matches(self, call: Call) -> bool:
        sent = dict(parse_qsl(call.query)) if self.query else {}
        return (
            self.method in (None, call.method)
            and (self.path is None or fnmatch.fnmatchcase(call.path, self.path))
            and self.business in (None, call.headers.get("x-business"))
            and all(sent.get(name) == value for name, value in self.query.items())
        )

    def strikes(self) -> bool:
        """Count a matching call; whether it is one that is hit."""
        self.matched += 1
        if self.matched < self.nth or (self.count is not None and self.hits >= self.count):
            return False
        self._random = self._random or Random(self.seed)
        if self._random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def answer(self) -> Answer:
        """The answer of a ``status`` fault."""
        headers = retry_after_header(self.retry_after, self.retry_after_s)
        if self.body == "empty":
            return Answer(self.status, b"", headers=headers)
        if self.body == "html":
            page = f"<html><body><h1>{self.status}</h1></body></html>".encode()
            return Answer(self.status, page, "text/html", headers)
        if self.body == "object":
            return json_answer(self.status, {"error": f"status {self.status}"}, headers)
        code = _DATA_CODES.get(self.status, "UnexpectedError")
        return error_array(self.status, code, "An unexpected error occurred.", headers=headers)


@dataclass
class Faults:
    """All faults that were asked for, in order; the first that strikes a call counts."""

    pending: list[Fault] = field(default_factory=list)
    _last_id: int = 0

    def add(self, fault: Fault) -> int:
        """Add a fault; its id."""
        self._last_id += 1
        fault.id = self._last_id
        self.pending.append(fault)
        return fault.id

    def clear(self) -> int:
        """Remove all faults; how many there were."""
        removed = len(self.pending)
        self.pending.clear()
        return removed

    def strike(self, call: Call) -> Fault | None:
        """The fault that hits a call, if any."""
        for fault in self.pending:
            if fault.matches(call) and fault.strikes():
                return fault
        return None
