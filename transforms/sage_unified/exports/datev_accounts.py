"""Numbers of accounts as DATEV wants them: all of one length, persons one digit longer.

Source: rules/exports.csv. Debtors begin with 1 to 6, creditors with 7 to 9.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

import polars as pl

from sage_unified.exports.refusals import ExportRefusedError

SHORTEST: Final = 4
LONGEST: Final = 8
Role = Literal["receivable", "payable"]
_RANGES: Final[dict[Role, tuple[int, int]]] = {"receivable": (1, 6), "payable": (7, 9)}
"""First digits of the numbers of persons."""


def account_length(codes: pl.Series) -> int:
    """The length of account numbers that holds all of ``codes``.

    Raises :class:`ExportRefusedError` for a code that is no number, one that is too long, and two codes
    that are the same number at that length.
    """
    known = codes.drop_nulls().unique().sort()
    for code in known:
        if not (code.isascii() and code.isdigit()):
            raise ExportRefusedError(
                f"The account {code!r} is no number, and DATEV knows accounts by numbers only.",
                "Renumber it in Sage, then run: sage-elt run",
                error_code="export-account-unusable",
            )
        if len(code) > LONGEST:
            raise ExportRefusedError(
                f"The account {code} is too long for DATEV: {len(code)} digits, at most {LONGEST} are "
                "allowed.",
                "Renumber it in Sage, then run: sage-elt run",
                error_code="export-account-unusable",
            )
    length = max([SHORTEST, *(len(code) for code in known)])
    padded = known.to_frame("code").with_columns(number(pl.col("code"), length).alias("number"))
    twice = padded.filter(pl.col("number").is_duplicated())
    if not twice.is_empty():
        raise ExportRefusedError(
            f"The accounts {', '.join(twice['code'])} become the same account of {length} digits in "
            "DATEV.",
            "Renumber one of them in Sage, then run: sage-elt run",
            error_code="export-account-unusable",
        )
    return length


def number(code: pl.Expr, length: int) -> pl.Expr:
    """The account number of a code: zeros that Sage dropped in front, zeros of the length behind."""
    return code.str.zfill(SHORTEST).str.pad_end(length, "0")


def personal_numbers(contacts: pl.DataFrame, length: int) -> pl.DataFrame:
    """``contact_id, role, number``: of each customer as a debtor, of each supplier as a creditor.

    ``contacts`` has ``contact_id, reference, auxiliary_account, is_receivable, is_payable``. The number is
    Sage's own where it is in the range of the role, else made of the digits of the reference, else of
    the id: the next free one in the order of the ids. Who is both has two.
    """
    rows: list[tuple[str, str, str]] = []
    for role in _RANGES:
        first, last = _range(role, length)
        taken: set[int] = set()
        wanted = contacts.filter(f"is_{role}").sort("contact_id")
        for contact_id, reference, auxiliary in wanted.select(
            "contact_id", "reference", "auxiliary_account"
        ).iter_rows():
            chosen = _preferred(contact_id, reference, auxiliary, first, last)
            while chosen in taken:
                chosen = chosen + 1 if chosen < last else first
            taken.add(chosen)
            rows.append((contact_id, role, str(chosen)))
    schema = {"contact_id": pl.String, "role": pl.String, "number": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _range(role: Role, length: int) -> tuple[int, int]:
    low, high = _RANGES[role]
    return low * 10**length, (high + 1) * 10**length - 1


def _preferred(
    contact_id: str, reference: str | None, auxiliary: str | None, first: int, last: int
) -> int:
    own = (auxiliary or "").strip()
    if own.isascii() and own.isdigit() and first <= int(own) <= last:
        return int(own)
    digits = "".join(sign for sign in reference or "" if "0" <= sign <= "9")
    if digits and len(digits) < len(str(last)) and first + int(digits) <= last:
        return first + int(digits)
    hashed = int.from_bytes(sha256(contact_id.encode()).digest()[:8], "big")
    return first + hashed % (last - first + 1)
