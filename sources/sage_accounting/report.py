"""What a sync did, by business and resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "unavailable", "failed"]


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
    requests: int = 0
    """HTTP requests of the whole sync, repeats and /businesses included."""

    def add(self, business_id: str, resource: str, outcome: Outcome) -> None:
        self.outcomes.setdefault(business_id, {})[resource] = outcome
        self.on_outcome(business_id, resource, outcome)

    @property
    def status(self) -> Literal["ok", "partial", "failed"]:
        """``failed`` when nothing succeeded; an unavailable resource is no failure."""
        found = {o.status for business in self.outcomes.values() for o in business.values()}
        if "failed" not in found:
            return "ok"
        return "partial" if "ok" in found else "failed"

    def business_status(self, business_id: str) -> Literal["ok", "partial", "failed"]:
        one = SyncReport(outcomes={business_id: self.outcomes[business_id]})
        return one.status

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
