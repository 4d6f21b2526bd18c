"""Which attributes of a record an answer shows: those asked for, and nothing that needs more asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sage_sandbox.collections import Endpoint
from sage_sandbox.store import Record

BASE = ("id", "displayed_as", "$path")
"""What a record always shows, as far as it has it."""

ON_REQUEST = {
    "show_analysis_types": "analysis_type_categories",
    "show_balance": "balance",
    "show_balance_details": "balance_details",
    "show_corrections": "corrections",
    "show_payments_allocations": "payments_allocations",
    "show_recurring_invoice": "recurring_invoice",
    "show_unfinished_recurring_invoices_status": "has_unfinished_recurring_invoices",
}
"""Parameters and the attribute that each shows; where only the GET by id knows one, no list shows it."""


@dataclass(frozen=True)
class View:
    """A choice of attributes; records of one view look alike, so their bytes can be kept."""

    attributes: frozenset[str] | None
    """Beside the base attributes; None = all."""
    hidden: frozenset[str] = frozenset()
    """Attributes left out of records and their lines, although all were asked for."""
    nested: frozenset[str] | None = None
    """What nested objects show beside the base attributes; None = as they are."""
    lists: bool = True
    """Whether lists (lines, allocations) are shown."""


def view_of(endpoint: Endpoint, asked: Mapping[str, str], *, default: str, lists: bool) -> View:
    """The view that a call asks for; ``default`` stands for ``attributes`` where it has none."""
    known = endpoint.list_parameters | endpoint.item_parameters
    hidden = {
        attribute
        for parameter, attribute in ON_REQUEST.items()
        if parameter in known and asked.get(parameter) != "true"
    }
    nested = None
    if "nested_attributes" in endpoint.list_parameters:
        nested = _names(asked.get("nested_attributes", ""))
    return View(_names(asked.get("attributes", default)), frozenset(hidden), nested, lists)


def shown(record: Record, view: View) -> Record:
    """The record as the view shows it; the record itself is left alone."""
    if view.attributes is not None:
        names = [name for name in record if name in view.attributes or name in BASE]
        record = {name: record[name] for name in names}
    if not view.lists:
        record = {name: value for name, value in record.items() if not isinstance(value, list)}
    if view.hidden:
        record = _without(record, view.hidden)
    if view.nested is not None:
        record = {name: _stub(value, view.nested) for name, value in record.items()}
    return record


def _names(text: str) -> frozenset[str] | None:
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    return None if "all" in names else names


def _without(record: Record, hidden: frozenset[str]) -> Record:
    return {
        name: [_line_without(line, hidden) for line in value] if isinstance(value, list) else value
        for name, value in record.items()
        if name not in hidden
    }


def _line_without(line: Any, hidden: frozenset[str]) -> Any:
    if isinstance(line, dict) and not hidden.isdisjoint(line):
        return {name: value for name, value in line.items() if name not in hidden}
    return line


def _stub(value: Any, nested: frozenset[str]) -> Any:
    if isinstance(value, dict) and "$path" in value:
        return {name: inner for name, inner in value.items() if name in BASE or name in nested}
    return value
