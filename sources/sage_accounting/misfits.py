"""Values that do not fit the type of their field or column, kept beside it.

dlt keeps a value that its column can not hold in a variant column, ``total_amount__v_text``, and leaves
the column null. So nothing is lost, nothing is bent into a number, and the other records of the list are
loaded as ever. A sync reports each such column when it appears.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from sage_accounting.catalogue import load_fields
from sage_accounting.conform import conform
from sage_accounting.errors import DecodeError
from sage_accounting.shapes import KINDS, Scalar

VARIANT = "__v_"
"""Between a field's name and the type of the values beside it, as dlt spells it."""
TEXT_VARIANT = f"{VARIANT}text"
DLT_TYPES = {
    # by Arrow's name
    "string": "text",
    "decimal128": "decimal",
    "int64": "bigint",
    "bool": "bool",
    "date32": "date",
    "timestamp": "timestamp",
}


def set_aside(record: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    """``record`` of ``model`` with every misfit in a field of its own, at any depth."""
    declared = load_fields().get(model or "", {})
    kept: dict[str, Any] = {}
    for name, value in record.items():
        kind = declared.get(name)
        if value == "" and kind not in KINDS:  # Sage's other null
            kept[name] = value if kind is None else None
        elif value is None or kind is None or _fits(value, kind):
            kept[name] = _inside(value, kind)
        else:
            kept[name] = None
            kept[f"{name}{TEXT_VARIANT}"] = (
                value if isinstance(value, str) else json.dumps(value, default=str)
            )
    return kept


def _inside(value: Any, kind: str | None) -> Any:
    if isinstance(value, dict):
        return set_aside(value, kind)
    if isinstance(value, list):
        item = kind.removesuffix("[]") if kind else None
        return [_inside(inner, item) for inner in value]
    return value


def _fits(value: Any, kind: str) -> bool:
    """Whether the value has the form of its declared type: a scalar, an object or a list."""
    if kind.endswith("[]"):
        return isinstance(value, list)
    if kind not in KINDS:
        return isinstance(value, dict)
    try:
        conform(value, Scalar(KINDS[kind]))
    except DecodeError:
        return False
    return True


def beside(table: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """Columns whose type is not the warehouse's under a name of their own, as dlt calls variants.

    Sage's declared fields never change type; a field that Sage added unannounced may have been text
    and be a number now. Both columns stay.
    """
    names = []
    for field in table.schema:
        found = DLT_TYPES[str(field.type).split("(")[0].split("[")[0]]
        known = types.get(field.name.lower(), found)
        names.append(field.name if known == found else f"{field.name}{VARIANT}{found}")
    return table.rename_columns(names)
