"""What a sync did, by business and resource."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
        )

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

    def add(self, business_id: str, resource: str, outcome: Outcome) -> None:
        """Take an outcome; what one sync reads of a list in several parts is summed."""
        resources = self.outcomes.setdefault(business_id, {})
        together = resources[resource] + outcome if resource in resources else outcome
        resources[resource] = together
        if together.finished:
            self.on_outcome(business_id, resource, together)

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
