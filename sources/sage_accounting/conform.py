"""Parsed JSON values as the wire type of a shape: the decoder's slower, forgiving way."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from sage_accounting.errors import DecodeError
from sage_accounting.shapes import WIRE, ListOf, Scalar, ScalarKind, Shape, Struct

_PLACES: dict[ScalarKind, Decimal] = {
    "decimal": Decimal(1).scaleb(-WIRE["decimal"].scale),
    "rate": Decimal(1).scaleb(-WIRE["rate"].scale),
}
_CONTEXT = Context(prec=WIRE["decimal"].precision, rounding=ROUND_HALF_EVEN)


def conform(value: Any, shape: Shape, name: str = "") -> Any:
    """``value`` with each scalar in the Python type that Arrow takes for its kind.

    Numbers become text where text is declared and the other way round; "" becomes None except in
    text. Decimals beyond the places of their kind are rounded half to even.

    Raises :class:`DecodeError` naming the field, never its value.
    """
    if value is None:
        return None
    if isinstance(shape, Struct) and isinstance(value, dict):
        return {key: conform(value.get(key), field, key) for key, field in shape.fields}
    if isinstance(shape, ListOf) and isinstance(value, list):
        return [conform(inner, shape.item, name) for inner in value]
    if isinstance(shape, Scalar) and not isinstance(value, dict | list):
        return _scalar(value, shape.kind, name)
    raise undecodable(name, "an object or a list where another record has a plain value")


def undecodable(name: str, found: str) -> DecodeError:
    return DecodeError(
        f"The field {name!r} holds {found}, so it can not be kept in its column without losing "
        "something. Nothing of this list was loaded and its cursor stays. Leave the resource out "
        "with --resource, and report the field's name."
    )


def _scalar(value: Any, kind: ScalarKind, name: str) -> Any:
    if kind in ("text", "date", "timestamp"):
        return value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
    if value == "":
        return None
    if kind == "boolean":
        return _boolean(value, name)
    try:
        number = Decimal(str(value).strip())
        if not number.is_finite():
            raise undecodable(name, "no finite number")
        if kind == "integer":
            if number != number.to_integral_value():
                raise undecodable(name, "a fraction where a whole number is declared")
            return int(number)
        return number.quantize(_PLACES[kind], context=_CONTEXT)
    except (InvalidOperation, ValueError, OverflowError):
        raise undecodable(name, "no number where one is declared") from None


def _boolean(value: Any, name: str) -> bool:
    text = str(value).casefold()
    if text not in ("true", "false"):
        raise undecodable(name, "neither true nor false where one is declared")
    return text == "true"
