"""What the filters of a list mean for a record.

A parameter that a collection knows and that is missing here has no effect on which records come:
it shows more of them, or the sandbox's books hold nothing that it could tell apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from sage_sandbox.answers import invalid
from sage_sandbox.store import Business, Record

Predicate: TypeAlias = Callable[[Record], bool]


def predicates(business: Business, name: str, asked: Mapping[str, str]) -> list[Predicate]:
    """What the records of ``name`` must satisfy, one predicate for each filter asked for.

    Raises a 422 refusal for a value that is no date, time or boolean where one is needed.
    """
    found = []
    for parameter, value in asked.items():
        if parameter in _FLAGS:
            found.append(_flag(_FLAGS[parameter], _boolean(parameter, value)))
        elif parameter in _EXCLUSIONS:
            if _boolean(parameter, value):
                found.append(_exclusion(_EXCLUSIONS[parameter]))
        elif parameter in _FILTERS:
            if not (name == "ledger_accounts" and parameter in ("from_date", "to_date")):
                found.append(_FILTERS[parameter](parameter, value))
        elif parameter == "has_attachments":
            found.append(_has_attachments(business, _boolean(parameter, value)))
        elif parameter.endswith("_id"):
            found.append(_points_to(business, parameter.removesuffix("_id"), value))
    return found


def timestamp(parameter: str, value: str, *, up: bool) -> str:
    """A date or time as records write times, to be compared as text; naive ones are UTC.

    A fraction of a second is rounded ``up`` or down. Raises a 422 refusal for anything else.
    """
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"{value} is no date or date-time.", parameter) from None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    whole = math.ceil(moment.microsecond / 1e6) if up else 0
    moment = moment.replace(microsecond=0) + timedelta(seconds=whole)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(parameter: str, value: str) -> str:
    """A date as records write it. Raises a 422 refusal for anything else."""
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise invalid(f"{value} is no date.", parameter) from None


def _boolean(parameter: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"{value} is neither true nor false.", parameter)
    return value == "true"


def _updated_since(parameter: str, value: str) -> Predicate:
    since = timestamp(parameter, value, up=True)
    return lambda record: (record.get("updated_at") or record.get("created_at") or "") >= since


def _updated_until(parameter: str, value: str) -> Predicate:
    until = timestamp(parameter, value, up=False)
    until = until if len(value) > len("2024-01-01") else f"{value}T23:59:59Z"
    return lambda record: (record.get("updated_at") or "") <= until


def _deleted_since(parameter: str, value: str) -> Predicate:
    since = timestamp(parameter, value, up=False)
    return lambda record: record["deleted_at"] > since


def _from_date(parameter: str, value: str) -> Predicate:
    first = day(parameter, value)
    return lambda record: (record.get("date") or "") >= first


def _to_date(parameter: str, value: str) -> Predicate:
    last = day(parameter, value)
    return lambda record: (record.get("date") or "9999") <= last


def _search(_: str, value: str) -> Predicate:
    wanted = value.casefold()
    return lambda record: any(
        wanted in text.casefold() for text in record.values() if isinstance(text, str)
    )


def _email(_: str, value: str) -> Predicate:
    return lambda record: record.get("email") == value


def _visible_in(parameter: str, value: str) -> Predicate:
    wanted = parameter == "visible_in"
    return lambda record: bool(record.get(f"visible_in_{value}")) is wanted


def _out_of_stock(parameter: str, value: str) -> Predicate:
    asked = _boolean(parameter, value)
    return lambda record: (record["quantity_in_stock"] <= 0) is asked


def _below_reorder_level(parameter: str, value: str) -> Predicate:
    asked = _boolean(parameter, value)
    return lambda record: (record["quantity_in_stock"] < record["reorder_level"]) is asked


_FILTERS: Mapping[str, Callable[[str, str], Predicate]] = {
    "updated_or_created_since": _updated_since,
    "updated_from_date": _updated_since,
    "updated_to_date": _updated_until,
    "deleted_since": _deleted_since,
    "from_date": _from_date,
    "to_date": _to_date,
    "search": _search,
    "email": _email,
    "out_of_stock": _out_of_stock,
    "below_reorder_level": _below_reorder_level,
    "visible_in": _visible_in,
    "not_visible_in": _visible_in,
}


def _is_inactive(record: Record) -> bool:
    return record.get("is_active") is False


# Boolean parameters that choose by an attribute of the same value.
_FLAGS: Mapping[str, str] = {
    "active": "active",
    "show_control_accounts": "is_control_account",
    "show_included_in_chart": "included_in_chart",
}

# Boolean parameters that leave records out when true, and choose nothing when false.
_EXCLUSIONS: Mapping[str, Predicate] = {
    "exclude_system": lambda record: bool(record.get("system")),
    "filter_inactive_bank_accounts": _is_inactive,
    "filter_inactive_contacts": _is_inactive,
}


def _flag(attribute: str, asked: bool) -> Predicate:
    return lambda record: bool(record.get(attribute)) is asked


def _exclusion(excluded: Predicate) -> Predicate:
    return lambda record: not excluded(record)


def _has_attachments(business: Business, asked: bool) -> Predicate:
    contexts = {
        attachment["attachment_context"]["id"] for attachment in business.collections["attachments"]
    }

    def has_any(record: Record) -> bool:
        counted = int(record.get("number_of_attachments") or 0)
        return (counted > 0 or record.get("id") in contexts) is asked

    return has_any


# Where a record has not the object itself but points to the one that has: (attribute, its list).
_BY_WAY_OF: Mapping[str, tuple[str, str]] = {
    "contact": ("address", "addresses"),
    "transaction_type": ("transaction", "transactions"),
}


def _points_to(business: Business, attribute: str, wanted: str) -> Predicate:
    """``contact_id`` looks at ``contact``, or at any of ``contacts``, or by way of another record."""
    plural = re.sub("y$", "ie", attribute) + "s"
    through, list_name = _BY_WAY_OF.get(attribute, ("", ""))

    def points(record: Record) -> bool:
        if attribute in record:
            return bool(record[attribute]) and record[attribute]["id"] == wanted
        if plural in record:
            return any(item["id"] == wanted for item in record[plural])
        held = business.collections.get(list_name)
        if held is not None and record.get(through):
            other = held.live.get(record[through]["id"], {})
            return bool(other.get(attribute)) and other[attribute]["id"] == wanted
        return True

    return points
