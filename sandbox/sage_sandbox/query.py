"""What a list is asked for, validated: page, size, order, filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sage_sandbox.answers import Call, invalid
from sage_sandbox.collections import Endpoint
from sage_sandbox.filters import predicates
from sage_sandbox.store import Business, Record

PAGE_SIZE = 20
LARGEST_PAGE = 200

Row = tuple[str, Record]
"""A record and the key under which its collection keeps it."""


@dataclass(frozen=True)
class Sort:
    """The order of a list."""

    attribute: str
    direction: Literal["asc", "desc"]


@dataclass(frozen=True)
class ListQuery:
    """A valid request for one page of a list."""

    asked: Mapping[str, str]
    """All parameters as sent."""
    page: int
    """From 1; may lie beyond the end."""
    size: int
    sort: Sort | None

    @property
    def selection(self) -> tuple[object, ...]:
        """Equal for queries of the same records in the same order, whatever the page."""
        paging = ("page", "items_per_page", "attributes", "nested_attributes")
        return tuple(sorted((n, v) for n, v in self.asked.items() if n not in paging))


def asked_of(call: Call, known: frozenset[str]) -> dict[str, str]:
    """The parameters of a call. Raises a 422 refusal that names those which are not ``known``."""
    asked = dict(call.parameters())
    if unknown := sorted(set(asked) - known):
        raise invalid("This parameter is not known to the resource.", *unknown)
    return asked


def parse_list(endpoint: Endpoint, call: Call) -> ListQuery:
    """What a call to a list asks for. Raises a 422 refusal."""
    asked = asked_of(call, endpoint.list_parameters)
    if {"updated_or_created_since", "deleted_since"} <= set(asked):
        raise invalid("Changes and deletions are two requests.", "deleted_since")
    return ListQuery(
        asked=asked,
        page=_number(asked, "page", 1),
        size=_number(asked, "items_per_page", PAGE_SIZE, largest=LARGEST_PAGE),
        sort=_sort(endpoint, asked["sort"]) if "sort" in asked else None,
    )


def select(business: Business, name: str, query: ListQuery) -> list[Row]:
    """All records that the query selects, in its order; creation order where it names none."""
    collection = business.collections[name]
    held = collection.deleted if "deleted_since" in query.asked else collection.live
    rows = list(held.items())
    if tests := predicates(business, name, query.asked):
        rows = [row for row in rows if all(test(row[1]) for test in tests)]
    if query.sort is not None:
        attribute = query.sort.attribute
        rows.sort(
            key=lambda row: (row[1].get(attribute) is None, row[1].get(attribute) or ""),
            reverse=query.sort.direction == "desc",
        )
    return rows


def _number(asked: Mapping[str, str], name: str, default: int, largest: int | None = None) -> int:
    text = asked.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1 or (largest is not None and number > largest):
        upper = f" to {largest}" if largest else ""
        raise invalid(f"{name} is a whole number from 1{upper}, not {text}.", name)
    return number


def _sort(endpoint: Endpoint, text: str) -> Sort:
    attribute, _, direction = text.partition(":")
    if attribute not in endpoint.sort or direction not in ("", "asc", "desc"):
        offered = ", ".join(sorted(endpoint.sort))
        raise invalid(f"sort is one of {offered}, and :asc or :desc, not {text}.", "sort")
    return Sort(attribute, "desc" if direction == "desc" else "asc")
