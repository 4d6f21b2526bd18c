"""Which fields a collection's records have in fact, and the type of each.

The specification declares far more fields than Sage sends (nested objects arrive as stubs) and Sage
adds fields without notice. So the shape is learned from the data and typed from the catalogue:

* a declared field has its declared type, however the JSON spells it;
* an undeclared number is a ``decimal``, an undeclared text is a ``timestamp`` when its name ends in
  ``_at`` or a ``date`` when it ends in ``date`` *and* it reads as one, else ``text``;
* a field that was only ever null has its declared type, or no column yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from sage_accounting.catalogue import load_fields
from sage_accounting.errors import DecodeError

ScalarKind = Literal["text", "decimal", "rate", "integer", "boolean", "date", "timestamp"]
KINDS: Mapping[str, ScalarKind] = {
    "text": "text",
    "decimal": "decimal",
    "rate": "rate",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}

DECIMAL = pa.decimal128(38, 12)
"""Amounts, quantities, percentages. 12 places hold every figure that Sage computes."""
RATE = pa.decimal128(38, 18)
"""Exchange rates and their inverses, which arrive as 17-digit quotients."""

WIRE: Mapping[ScalarKind, pa.DataType] = {
    # what the JSON reader is told; dates are text on the wire and are cast afterwards
    "text": pa.string(),
    "decimal": DECIMAL,
    "rate": RATE,
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.string(),
    "timestamp": pa.string(),
}
STORED: Mapping[ScalarKind, pa.DataType] = {
    **WIRE,
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Scalar:
    kind: ScalarKind


@dataclass(frozen=True)
class Struct:
    fields: tuple[tuple[str, Shape], ...]


@dataclass(frozen=True)
class ListOf:
    item: Shape


Shape = Scalar | Struct | ListOf

EMPTY = Struct(())

_READS_AS_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:?\d\d)?)?$")


def wire_type(shape: Shape) -> pa.DataType:
    """The Arrow type under which the JSON reader takes values of ``shape``."""
    if isinstance(shape, Scalar):
        return WIRE[shape.kind]
    if isinstance(shape, ListOf):
        return pa.list_(wire_type(shape.item))
    return pa.struct([pa.field(name, wire_type(field)) for name, field in shape.fields])


def shape_of_type(
    found: pa.DataType, declared: str | None, name: str = "", known: Shape | None = None
) -> Shape | None:
    """The shape of what the JSON reader found; None when there is nothing to hold yet.

    A scalar that was ``known`` to the reader stays what it is: its found type is our own choice.
    Raises ``pyarrow.ArrowInvalid`` for a plain value where an object or list is declared, and the other
    way round.
    """
    if declared is not None and _form_of_type(found) not in (None, _form(declared)):
        raise pa.ArrowInvalid(f"{name} does not have its declared form")
    if pa.types.is_struct(found):
        fields = _model(declared)
        inner = dict(known.fields) if isinstance(known, Struct) else {}
        shapes = (
            (c.name, shape_of_type(c.type, fields.get(c.name), c.name, inner.get(c.name)))
            for c in found
        )
        return Struct(tuple((key, shape) for key, shape in shapes if shape))
    if pa.types.is_list(found):
        known_item = known.item if isinstance(known, ListOf) else None
        item = shape_of_type(found.value_type, _item(declared), name, known_item)
        return ListOf(item) if item and item != EMPTY else None
    if isinstance(known, Scalar):
        return known
    if declared is not None and declared in KINDS:
        return Scalar(KINDS[declared])
    if pa.types.is_null(found):
        return None
    if pa.types.is_boolean(found):
        return Scalar("boolean")
    if pa.types.is_timestamp(found):
        return Scalar(_moment(name))
    if pa.types.is_string(found):
        return Scalar("text")
    return Scalar("decimal")


def shape_of_value(value: Any, declared: str | None, name: str) -> Shape | None:
    """Like :func:`shape_of_type`, from parsed JSON: for pages whose types contradict each other."""
    if isinstance(value, dict):
        fields = _model(declared)
        return Struct(
            tuple(
                (key, shape)
                for key, inner in value.items()
                if (shape := shape_of_value(inner, fields.get(key), key))
            )
        )
    if isinstance(value, list):
        merged: Shape | None = None
        for inner in value:
            merged = merge(merged, shape_of_value(inner, _item(declared), name), name)
        return ListOf(merged) if merged and merged != EMPTY else None
    if declared is not None and declared in KINDS:
        return Scalar(KINDS[declared])
    if value is None:
        return None
    if isinstance(value, bool):
        return Scalar("boolean")
    if isinstance(value, str):
        return Scalar(_moment(name) if _READS_AS_MOMENT.match(value) else "text")
    return Scalar("decimal")


def merge(one: Shape | None, other: Shape | None, name: str = "") -> Shape | None:
    """A shape that holds both; fields keep the order in which they were first seen."""
    if one is None or other is None or one == other:
        return one or other
    if isinstance(one, Struct) and isinstance(other, Struct):
        fields: dict[str, Shape] = dict(one.fields)
        for key, field in other.fields:
            merged = merge(fields.get(key), field, key)
            if merged is not None:
                fields[key] = merged
        return Struct(tuple(fields.items()))
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        item = merge(one.item, other.item, name)
        return ListOf(item) if item else None
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return Scalar("text")  # two kinds in an undeclared field: text holds both
    raise DecodeError(
        f"Sage sent the field {name!r} once as a plain value and once as an object or list, so one "
        "column can not hold it. Nothing of this list was loaded and its cursor stays. Leave the "
        "resource out with --resource and report the field's name."
    )


def _form(declared: str) -> str:
    if declared.endswith("[]"):
        return "list"
    return "scalar" if declared in KINDS else "object"


def _form_of_type(found: pa.DataType) -> str | None:
    if pa.types.is_null(found):
        return None
    if pa.types.is_list(found):
        return "list"
    return "object" if pa.types.is_struct(found) else "scalar"


def _model(declared: str | None) -> Mapping[str, str]:
    return load_fields().get(declared or "", {})


def _item(declared: str | None) -> str | None:
    return declared.removesuffix("[]") if declared and declared.endswith("[]") else None


def _moment(name: str) -> ScalarKind:
    """The reader takes a text for a moment only when it reads as one; the name says which kind."""
    if name.endswith("_at"):
        return "timestamp"
    return "date" if name.endswith("date") else "text"
