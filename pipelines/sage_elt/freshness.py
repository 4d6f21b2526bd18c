"""How fresh a connection's data is, what fails, and what to do next: the page that one opens at night."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import pendulum

from sage_accounting.budget import Use
from sage_accounting.client import budget_of
from sage_accounting.settings import Settings

LATE_AFTER: Final = timedelta(hours=26)
"""Without a success for longer, a daily job has been missed; two hours are for its own length."""
_CODE: Final = re.compile(r"\(([a-z-]+)\)$")
_NOT_OFFERED: Final = "resource-not-offered"
_HEALS_ITSELF: Final = frozenset({"day-budget-used-up", "sage-limit-reached"})

State = Literal["fresh", "late", "failing", "never"]


@dataclass(frozen=True)
class BusinessFreshness:
    """How one business stands. Times aware UTC."""

    id: str
    name: str | None
    country: str | None
    is_selected: bool
    state: State
    lists: int
    """Resources that were read, or tried."""
    not_offered: int
    last_success: datetime | None
    """Of any of its resources."""
    complete_at: datetime | None
    """All of its resources that Sage offers were read at this time or later; None if one never was."""
    failing: Sequence[str]
    """Resources whose last read failed."""
    last_error: str | None
    """Of the first of them."""
    budget: Sequence[Use]
    next_step: str | None
    """A command, or what to wait for; None when nothing is to be done."""

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        for name in ("id", "name", "country", "is_selected"):
            del found[name]
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in found.items()
        }


@dataclass(frozen=True)
class Freshness:
    """How a connection stands."""

    connection: str
    token_state: str
    days_left: int | None
    """Until a person must sign in, if no sync renews it."""
    businesses: Sequence[BusinessFreshness]
    next_step: str | None
    """What comes before all else; None when each business says what it needs."""


def budget_uses(
    settings: Settings, folder: str | Path, businesses: Sequence[str]
) -> dict[str, list[Use]]:
    """By business, what it and the application have used of their allowances; ``folder`` of pipelines."""
    budget = budget_of(settings, Path(folder))
    try:
        return {business_id: budget.uses(business_id) for business_id in businesses}
    finally:
        budget.close()


def freshness_of(
    status: Mapping[str, Any], budget: Mapping[str, Sequence[Use]], now: datetime
) -> Freshness:
    """The page of ``status`` (:func:`connection_status.status_of`) at ``now``, aware UTC."""
    token = status["token"]
    name = status["connection"]
    found = [
        _business(each, budget.get(each["id"], ()), now, _option(name))
        for each in status["businesses"]
    ]
    expires = _time(token["refresh_expires_at"])
    return Freshness(
        connection=name,
        token_state=token["state"],
        days_left=None if expires is None else max((expires - now).days, 0),
        businesses=found,
        next_step=_first_step(token["state"], found, _option(name)),
    )


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in words: ``12 minutes ago``."""
    if moment is None:
        return "never"
    words: str = pendulum.instance(moment).diff_for_humans(pendulum.instance(now), absolute=True)
    return f"{words} ago"


def _option(connection: str) -> str:
    return "" if connection == "default" else f" --connection {connection}"


def _first_step(state: str, businesses: Sequence[BusinessFreshness], option: str) -> str | None:
    if state != "ok":
        return f"sage-elt connect{option}"
    if not any(business.is_selected for business in businesses):
        return f"sage-elt businesses use --all{option}"
    return None


def _business(
    status: Mapping[str, Any], budget: Sequence[Use], now: datetime, option: str
) -> BusinessFreshness:
    resources: Mapping[str, Mapping[str, Any]] = status["resources"]
    errors = {n: r["last_error"] for n, r in resources.items() if r["last_error"]}
    failing = [name for name, error in errors.items() if code_of(error) != _NOT_OFFERED]
    not_offered = len(errors) - len(failing)
    offered = [r for n, r in resources.items() if n in failing or n not in errors]
    times = [_time(r["last_success"]) for r in offered]
    known = [moment for moment in times if moment is not None]
    last_success = max(known, default=None)
    state = _state(failing, last_success, now)
    last_error = errors[failing[0]] if failing else None
    return BusinessFreshness(
        id=status["id"],
        name=status["name"],
        country=status["country"],
        is_selected=status["selected"],
        state=state,
        lists=len(resources),
        not_offered=not_offered,
        last_success=last_success,
        complete_at=min(known) if known and len(known) == len(times) else None,
        failing=failing,
        last_error=last_error,
        budget=budget,
        next_step=_step(state, status["id"], failing, code_of(last_error), option)
        if status["selected"]
        else None,
    )


def _state(failing: Sequence[str], last_success: datetime | None, now: datetime) -> State:
    if failing:
        return "failing"
    if last_success is None:
        return "never"
    return "late" if now - last_success > LATE_AFTER else "fresh"


def _step(
    state: State, business_id: str, failing: Sequence[str], code: str | None, option: str
) -> str | None:
    if state == "fresh":
        return None
    if state == "failing" and code in _HEALS_ITSELF:
        return "nothing: the next run goes on with it"
    if state == "failing" and code:
        names = "".join(f" --resource {name}" for name in failing) if len(failing) <= 3 else ""
        return (
            f"sage-elt explain {code}; then sage-elt sync --business {business_id}{names}{option}"
        )
    return f"sage-elt run{option}"


def code_of(error: str | None) -> str | None:
    """The code at the end of a stored error."""
    found = _CODE.search(error or "")
    return found[1] if found else None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
