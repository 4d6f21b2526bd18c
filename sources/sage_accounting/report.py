"""What a sync did, by business and resource: as values, as a line of the log, as rows of ``sage._runs``."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from sage_accounting.shapes import STORED

logger = logging.getLogger(__name__)

Status = Literal["ok", "unavailable", "failed"]

RUNS_TABLE = "_runs"
RUNS_KEY = ("run_id", "business_id", "resource")
RUNS_SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("connection", pa.string()),
        pa.field("business_id", pa.string(), nullable=False),
        pa.field("resource", pa.string(), nullable=False),
        pa.field("status", pa.string()),  # as Status, or unfinished
        pa.field("rows", pa.int64()),
        pa.field("deleted", pa.int64()),
        pa.field("requests", pa.int64()),
        pa.field("waited_s", pa.decimal128(18, 3)),
        pa.field("error_code", pa.string()),
        pa.field("error", pa.string()),
        pa.field("started_at", STORED["timestamp"]),
        pa.field("finished_at", STORED["timestamp"]),
    ]
)
"""``sage._runs``: one row for each business and resource that a run read; times UTC."""


@dataclass(frozen=True)
class Outcome:
    """How one resource of one business ended."""

    status: Status
    rows: int = 0
    """Records that go to the warehouse: new, changed, or read again."""
    deleted: int = 0
    """Records that leave the warehouse."""
    requests: int = 0
    error: str | None = None
    error_code: str | None = None
    """Of the catalogue of errors; None where Sage's documentation says that there is nothing to read."""
    waited_s: float = 0.0
    """Seconds that its requests waited for the budget or for Sage; those of parallel ones are summed."""
    started_at: datetime | None = None
    """When its first request was due; aware UTC."""
    finished_at: datetime | None = None
    finished: bool = True
    """Whether all of the list was read; if not, this is a part of it."""
    is_news: bool = True
    """False for an error that was the same in the last run: a resource that stays unavailable."""
    is_postponed: bool = False
    """Whether it failed only because the day's requests are used up; the next run goes on with it."""

    def __add__(self, later: Outcome) -> Outcome:
        """Both parts of one list, which ended as the later one did."""
        return replace(
            later,
            rows=self.rows + later.rows,
            deleted=self.deleted + later.deleted,
            requests=self.requests + later.requests,
            waited_s=self.waited_s + later.waited_s,
            started_at=self.started_at or later.started_at,
        )

    @property
    def seconds(self) -> float:
        """From its first request to its last record."""
        if self.started_at is None or self.finished_at is None:
            return 0.0
        return (self.finished_at - self.started_at).total_seconds()

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "rows": self.rows,
            "deleted": self.deleted,
            "requests": self.requests,
            "error": self.error,
        }


@dataclass
class SyncReport:
    """Fills while a sync runs. Given to the source, it also takes failures, so that a failing
    business or resource does not stop the others; without one the first failure stops the run.
    """

    on_start: Callable[[str, str], None] = lambda *_: None
    """Called with business id and resource as the resource is queued."""
    on_outcome: Callable[[str, str, Outcome], None] = lambda *_: None
    """Called with business id, resource and how it ended."""
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    variants: set[str] = field(default_factory=set)
    """``table.column`` of new columns that hold what a field's own column could not."""
    requests: int = 0
    """HTTP requests of the whole sync, repeats and /businesses included."""
    count_requests: Callable[[], int] = lambda: 0
    """HTTP requests that are not in ``requests`` yet, while the source reads."""
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    connection: str = ""

    def add(self, business_id: str, resource: str, outcome: Outcome) -> None:
        """Take an outcome; what one sync reads of a list in several parts is summed."""
        resources = self.outcomes.setdefault(business_id, {})
        ended = replace(outcome, finished_at=datetime.now(UTC))
        together = resources[resource] + ended if resource in resources else ended
        resources[resource] = together
        if together.finished:
            self._log(business_id, resource, together)
            self.on_outcome(business_id, resource, together)

    def _log(self, business_id: str, resource: str, outcome: Outcome) -> None:
        """One event a resource. What stays as it was, a resource that is not offered, is warned of once
        and not on each sync.
        """
        is_warning = outcome.error is not None and outcome.is_news
        logger.log(
            logging.WARNING if is_warning else logging.INFO,
            "%s of business %s: %s, %d rows, %d deleted, %d requests%s",
            resource,
            business_id,
            outcome.status,
            outcome.rows,
            outcome.deleted,
            outcome.requests,
            f": {outcome.error}" if outcome.error else "",
            extra={
                "event": "resource",
                "run_id": self.run_id,
                "connection": self.connection,
                "business_id": business_id,
                "resource": resource,
                **outcome.to_json(),
                "error_code": outcome.error_code,
                "waited_s": round(outcome.waited_s, 3),
                "seconds": round(outcome.seconds, 3),
            },
        )

    def is_begun(self, business_id: str, resource: str) -> bool:
        """Whether a part of the list was read and the rest was not yet."""
        outcome = self.outcomes.get(business_id, {}).get(resource)
        return outcome is not None and not outcome.finished

    @property
    def unfinished(self) -> set[tuple[str, str]]:
        """Business and resource of each list of which a further run must read the rest."""
        return {
            (business_id, resource)
            for business_id, resources in self.outcomes.items()
            for resource, outcome in resources.items()
            if not outcome.finished
        }

    @property
    def status(self) -> Literal["ok", "partial", "failed"]:
        """``failed`` when something failed and nothing succeeded; unavailable is no failure, and what
        a day's budget leaves for the next run is at worst ``partial``.
        """
        found = [o for business in self.outcomes.values() for o in business.values()]
        failed = [o for o in found if o.status == "failed"]
        if not failed:
            return "ok"
        succeeded = any(o.status == "ok" for o in found)
        return "partial" if succeeded or all(o.is_postponed for o in failed) else "failed"

    def business_status(self, business_id: str) -> Literal["ok", "partial", "failed"]:
        one = SyncReport(outcomes={business_id: self.outcomes[business_id]})
        return one.status

    def to_table(self) -> pa.Table:
        """The rows of ``sage._runs`` for this run so far; a list of which a part was read is ``unfinished``."""
        rows = [
            {
                "run_id": self.run_id,
                "connection": self.connection,
                "business_id": business_id,
                "resource": resource,
                **outcome.to_json(),
                "status": outcome.status if outcome.finished else "unfinished",
                "waited_s": Decimal(f"{outcome.waited_s:.3f}"),
                "error_code": outcome.error_code,
                "started_at": outcome.started_at,
                "finished_at": outcome.finished_at,
            }
            for business_id, resources in self.outcomes.items()
            for resource, outcome in resources.items()
        ]
        return pa.Table.from_pylist(rows, RUNS_SCHEMA)

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "requests": self.requests,
            "businesses": {
                business_id: {
                    "status": self.business_status(business_id),
                    "resources": {name: o.to_json() for name, o in sorted(resources.items())},
                }
                for business_id, resources in self.outcomes.items()
            },
        }
