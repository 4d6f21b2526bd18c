"""The report: one page of tie-outs, VAT boxes, ageing and freshness, for whoever has a browser.

The page needs no script and loads nothing. It shows a moment of the warehouse and nothing of the run, so the
same warehouse gives the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import jinja2
import polars as pl

import sage_unified
from sage_elt.figures import BUCKETS, amount_text, figures_of
from sage_elt.warehouse import Warehouse, WarehouseSettingError

_LEDGERS: Final = {"receivables": "Customers owe", "payables": "Owed to suppliers"}
_STATES: Final = ("broken", "missing", "ok")
"""Of tie-outs, the worst first."""
_NOTHING: Final = Decimal(0)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class VatPeriod:
    """A return of one period, in the US of one agency in it."""

    name: str
    first: date
    last: date
    agency: str | None
    basis: str
    boxes: Sequence[Row]
    """``box, label, amount, line_count`` in the order of the form."""


@dataclass(frozen=True)
class Ageing:
    """What is open on one side of the books, by contact and age; base currency."""

    title: str
    day: date
    contacts: Sequence[tuple[str, Mapping[str, Decimal]]]
    """Names with their amounts by bucket, in the order of the names."""

    @property
    def totals(self) -> dict[str, Decimal]:
        """Amounts by bucket."""
        return {
            bucket: sum((amounts.get(bucket, _NOTHING) for _, amounts in self.contacts), _NOTHING)
            for bucket in BUCKETS
        }

    @property
    def shares(self) -> dict[str, int]:
        """The size of each total beside the largest, in percent."""
        totals = self.totals
        largest = max(abs(amount) for amount in totals.values())
        return {
            bucket: int(abs(amount) * 100 / largest) if largest else 0
            for bucket, amount in totals.items()
        }


@dataclass(frozen=True)
class BusinessReport:
    """All that the page shows of one business."""

    facts: Row
    tie_outs: Sequence[Row]
    vat: Sequence[VatPeriod]
    ageing: Sequence[Ageing]
    unmapped: Sequence[Row]

    @property
    def states(self) -> dict[str, int]:
        """Tie-outs by state."""
        return {state: sum(row["status"] == state for row in self.tie_outs) for state in _STATES}


def write_report(warehouse: Warehouse, path: Path) -> None:
    """Write the page to ``path``, readable by its owner only, since it names customers.

    It has its name only when complete: an earlier page stands until then. Raises ``WarehouseError`` when
    there is nothing to show and :class:`WarehouseSettingError` when ``path`` can not be written.
    """
    page = render(read_report(warehouse))
    try:
        handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(page)
                file.flush()
                os.fsync(file.fileno())
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise WarehouseSettingError(
            f"The report {path} can not be written ({error.strerror}), so there is no new one; an "
            "earlier one stands. Name another file with --out.",
            error_code="output-not-writable",
        ) from error


def read_report(warehouse: Warehouse) -> list[BusinessReport]:
    """The businesses of the warehouse by country and name, all at one moment."""
    with figures_of(warehouse) as figures:
        businesses = figures.frame("businesses")
        boxes, ageing = figures.vat_boxes(), figures.frame("ageing")
        unmapped = figures.frame("unmapped_rates")
        checked = figures.checked_tables()
    # the warehouse is free again: at a million entries the checks take some seconds
    state = pl.col("status").replace_strict(
        {name: place for place, name in enumerate(_STATES)}, return_dtype=pl.Int8
    )
    tie_outs = sage_unified.check(checked).sort(state, maintain_order=True)
    return [
        BusinessReport(
            facts,
            _rows_of(tie_outs, facts),
            _vat(_rows_of(boxes, facts)),
            [
                _ageing(ledger, facts["load_date"], _rows_of(ageing, facts))
                for ledger in _LEDGERS
                if facts["load_date"] is not None
            ],
            _rows_of(unmapped, facts),
        )
        for facts in businesses.to_dicts()
    ]


def render(businesses: Sequence[BusinessReport]) -> str:
    """The page; every text of the books is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sage_elt"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": amount_text,
        "moment": moment,
        "period": period,
        "words": words,
    }
    return environment.get_template("report.html.j2").render(
        businesses=businesses,
        buckets=BUCKETS,
        rules_version=sage_unified.RULES_VERSION,
        newest=max(
            (b.facts["load_date"] for b in businesses if b.facts["load_date"]), default=None
        ),
    )


def moment(value: datetime | None) -> str:
    """A time in UTC, to the minute; ``not known`` for none."""
    return "not known" if value is None else f"{value:%Y-%m-%d %H:%M}"


def period(first: date, last: date) -> str:
    """A month as ``2026-06``, anything else by its first and last day."""
    is_month = first.day == 1 and (first.year, first.month) == (last.year, last.month)
    return f"{first:%Y-%m}" if is_month else f"{first} to {last}"


def words(name: str) -> str:
    """A name of ours in plain words: ``trial balance sums to zero``."""
    return name.replace("_", " ")


def _rows_of(frame: pl.DataFrame, facts: Row) -> list[dict[str, Any]]:
    return frame.filter(pl.col("business_id") == facts["business_id"]).to_dicts()


def _vat(boxes: Iterable[Row]) -> list[VatPeriod]:
    """The returns, in the order of their boxes."""
    returns: dict[tuple[str, date, date, str | None, str], list[Row]] = {}
    for row in boxes:
        key = (row["return"], row["period_start"], row["period_end"], row["agency"], row["basis"])
        returns.setdefault(key, []).append(row)
    return [VatPeriod(*key, rows) for key, rows in returns.items()]


def _ageing(ledger: str, day: date, rows: Iterable[Row]) -> Ageing:
    contacts: dict[tuple[str, str | None], dict[str, Decimal]] = {}
    for row in rows:
        if row["ledger"] == ledger:
            amounts = contacts.setdefault((row["contact"], row["contact_id"]), {})
            amounts[row["bucket"]] = row["amount"]
    return Ageing(
        _LEDGERS[ledger], day, [(name, amounts) for (name, _), amounts in contacts.items()]
    )
