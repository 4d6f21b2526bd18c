"""The formula language of VAT boxes, parsed: values that ``marts/vat_return.py`` evaluates.

A ``sum`` box adds terms: ``net where direction=sale & rate!=19,7 + -itc where direction=purchase``.
A term is one of :data:`AMOUNTS`, negated by a leading ``-``, of the tax lines that fulfil every
condition; a condition compares a column with one value or any of several. A ``calc`` box starts with
``=`` and combines boxes with ``+``, ``-``, ``abs(…)`` and ``max(…, …)``; the only number is 0, so that
a mistyped box is not read as one. ``manual`` is the user's own entry.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

AMOUNTS: Final = ("net", "tax", "notional_tax", "itc")
FIELDS: Final = ("direction", "doc", "rate", "rate_class", "supply", "tax_type", "vat_scope")
MANUAL: Final = "manual"

_TERM = re.compile(r"(?P<sign>-?)(?P<amount>\w+) where (?P<conditions>.+)")
_CONDITION = re.compile(r"(?P<field>\w+)(?P<operator>!?=)(?P<values>[^=!&]+)")
_ZERO: Final = "0"
_TOKEN = re.compile(r"\s*(abs\(|max\(|\w+|[-+,)])")


@dataclass(frozen=True)
class Condition:
    """``field`` is (or, ``negated``, is not) one of ``values``; a null fulfils neither."""

    field: str
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Term:
    """An amount of the lines that fulfil all conditions."""

    amount: str
    negated: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Box:
    """The value of another box."""

    name: str


@dataclass(frozen=True)
class Call:
    """``sum`` (of signed operands), ``abs`` or ``max`` of its operands."""

    function: str
    operands: tuple[tuple[int, Calculation], ...]
    """Sign (+1 or -1) and operand."""


Calculation: TypeAlias = Box | Decimal | Call


def parse_sum(formula: str) -> tuple[Term, ...]:
    """The terms of a ``sum`` box. Raises ValueError for what is not in the language."""
    return tuple(_term(text) for text in formula.split(" + "))


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text.strip())
    if match is None or match["amount"] not in AMOUNTS:
        raise ValueError(f"{text!r} is no term such as 'net where direction=sale'")
    conditions = tuple(_condition(part) for part in match["conditions"].split(" & "))
    return Term(match["amount"], match["sign"] == "-", conditions)


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text.strip())
    if match is None or match["field"] not in FIELDS:
        raise ValueError(f"{text!r} is no condition such as 'rate!=19,7'")
    values = tuple(value.strip() for value in match["values"].split(","))
    return Condition(match["field"], values, match["operator"] == "!=")


def parse_calculation(formula: str, boxes: Collection[str]) -> Calculation:
    """The calculation of a ``calc`` box of a return that has ``boxes``.

    Raises ValueError for what is not in the language.
    """
    text = formula.strip()
    if not text.startswith("="):
        raise ValueError(f"{formula!r} does not start with '='")
    tokens = _tokens(text[1:])
    calculation = _added(tokens, boxes)
    if tokens:
        raise ValueError(f"{formula!r} has {tokens[0]!r} too many")
    return calculation


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:]!r} is no part of a calculation")
        tokens.append(match[1])
        at = match.end()
    return tokens


def _added(tokens: list[str], boxes: Collection[str]) -> Calculation:
    """Operands joined by + and -, up to a comma, a closing bracket or the end."""
    operands = [(1, _operand(tokens, boxes))]
    while tokens and tokens[0] in ("+", "-"):
        sign = 1 if tokens.pop(0) == "+" else -1
        operands.append((sign, _operand(tokens, boxes)))
    return operands[0][1] if len(operands) == 1 else Call("sum", tuple(operands))


def _operand(tokens: list[str], boxes: Collection[str]) -> Calculation:
    if not tokens:
        raise ValueError("a calculation ends where an operand should follow")
    token = tokens.pop(0)
    if token in boxes:
        return Box(token)
    if token in ("abs(", "max("):
        operands = [(1, _added(tokens, boxes))]
        while tokens and tokens[0] == ",":
            tokens.pop(0)
            operands.append((1, _added(tokens, boxes)))
        if not tokens or tokens.pop(0) != ")":
            raise ValueError(f"{token} is not closed")
        return Call(token.removesuffix("("), tuple(operands))
    if token == _ZERO:
        return Decimal(0)
    raise ValueError(f"{token!r} is neither a box of this return nor 0")
