"""An export in the making: checked before, written aside, and renamed when its last byte is on the disk.

A refusal or a crash leaves no file, and the files of an earlier run stand. The same warehouse gives the
same bytes: nothing in a file is of the moment of the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from sage_elt.export_reading import Reader, read_columns, reader
from sage_elt.warehouse import Warehouse, WarehouseSettingError
from sage_elt.working_copies import working_copy
from sage_unified import RULES_VERSION, check, checked_columns
from sage_unified.exports.refusals import Business, ExportRefusedError, Period

_NAMED: Final = 5
"""Broken tie-outs or rates that a refusal names; the notes and sage-elt check list all."""


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported, and to where."""

    business_id: str
    period: Period
    folder: Path
    force: bool = False
    """Export although tie-outs are broken; the notes beside the files say so."""


@dataclass
class Export:
    """Files in the making: none of them is to be seen before all are complete."""

    warehouse: Warehouse
    """A DuckDB file: the warehouse itself, or a working copy."""
    request: ExportRequest
    business: Business
    workspace: Path
    notes: dict[str, Any]
    """What is written beside the files: rules, tie-outs, totals, identifiers that are bad."""
    names: list[str] = field(default_factory=list)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A reader of one moment of the warehouse, whose tie-outs are looked at behind it.

        Raises :class:`ExportRefusedError` for broken ones, unless the request forces them.
        """
        with reader(self.warehouse, self.workspace) as rows:
            tables = rows.scan(self.business.business_id, checked_columns())
            yield rows
        # the warehouse is free again: at a million entries the checks take some seconds
        broken = _broken(tables)
        if not broken.is_empty() and not self.request.force:
            _refuse_broken(broken, self.request)
        self.notes |= {"forced": not broken.is_empty(), "broken_tie_outs": broken.to_dicts()}

    def parameters(self, *, with_closing: bool = True) -> dict[str, object]:
        """What the queries ask for."""
        return {
            "business": self.business.business_id,
            "first": self.request.period.first,
            "last": self.request.period.last,
            "with_closing": with_closing,
        }

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """A file of the export, from its pieces."""
        with (self.workspace / name).open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        self.names.append(name)

    def finish(self, stem: str) -> list[Path]:
        """Write the notes and give every file its place; their paths, the notes last."""
        self.notes["files"] = list(self.names)
        text = json.dumps(self.notes, indent=2, ensure_ascii=False, default=str) + "\n"
        self.write(f"{stem}_notes.json", [text.encode()])
        placed = []
        for name in self.names:
            path = self.request.folder / name
            (self.workspace / name).replace(path)
            placed.append(path)
        return placed

    def require_mapped(self, unmapped: pl.DataFrame) -> None:
        """Raise :class:`ExportRefusedError` when a tax rate of the period is mapped by no rule.

        ``unmapped`` has ``tax_rate_id, unmapped_reason, lines``.
        """
        if not unmapped.is_empty():
            named = ", ".join(
                f"{rate} ({reason}, {lines} lines)"
                for rate, reason, lines in unmapped.head(_NAMED).iter_rows()
            )
            raise ExportRefusedError(
                f"Tax rates in the period {self.request.period} of business "
                f"{self.business.business_id} have no known meaning, so no figure of theirs can be "
                f"declared: {named}.",
                "Say what each is in the overrides of the tax rates, then run: sage-elt transform",
                error_code="export-rates-unmapped",
            )

    def require_balance(self, unbalanced: pl.DataFrame) -> None:
        """Raise :class:`ExportRefusedError` for a transaction whose entries do not sum to zero."""
        if not unbalanced.is_empty():
            raise ExportRefusedError(
                f"{unbalanced.height} transactions in the period {self.request.period} of business "
                f"{self.business.business_id} do not balance, among them "
                f"{unbalanced['booking'][0]}, and the file must.",
                "Read the ledger anew with sage-elt sync --full-refresh, then run: sage-elt run",
                error_code="export-checks-broken",
            )


@contextmanager
def preparing(warehouse: Warehouse, request: ExportRequest, kind: str) -> Iterator[Export]:
    """An export of a business; what is unfinished at the end leaves nothing.

    Raises :class:`ExportRefusedError` for an unknown business and a period that ends before it begins.
    """
    if request.period.last < request.period.first:
        raise ExportRefusedError(
            f"The period {request.period} ends before it begins.",
            "Swap --from and --to.",
            error_code="export-period-wrong",
        )
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
        workspace = TemporaryDirectory(dir=request.folder, prefix=".sage-elt-export-")
    except OSError as error:
        raise WarehouseSettingError(
            f"The folder {request.folder} can not be written ({type(error).__name__}), so nothing was "
            "exported. Name another one with --output.",
            error_code="output-not-writable",
        ) from error
    with workspace as path, working_copy(warehouse, read_columns(), [request.business_id]) as copy:
        with reader(copy, Path(path)) as rows:
            business = _business(rows, request.business_id, warehouse)
        notes = {
            "export": kind,
            "business_id": business.business_id,
            "country": business.country,
            "period": {"from": request.period.first, "to": request.period.last},
            "rules_version": RULES_VERSION,
        }
        yield Export(copy, request, business, Path(path), notes)


def _business(rows: Reader, business_id: str, warehouse: Warehouse) -> Business:
    found = rows.frame("business", {"business": business_id})
    if found.is_empty():
        known = sorted(business for _, business in warehouse.counts("unified", ["dim_business"]))
        raise ExportRefusedError(
            f"There is no business {business_id} in the warehouse; it holds "
            f"{', '.join(known) or 'none'}.",
            "Name one of them with --business, or run: sage-elt run",
            error_code="export-business-wrong",
        )
    row = found.row(0, named=True)
    return Business(
        business_id=business_id,
        country=row["country"],
        name=row["name"] or "",
        base_currency=row["base_currency"],
        year_end=row["year_end_date"],
        tax_number=row["tax_number"],
        siret=row["siret"],
        chart=row["chart_standard"],
    )


def _broken(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """``check, subject, expected, found`` of the broken tie-outs of one business."""
    return (
        check(tables)
        .filter(pl.col("status") == "broken")
        .select("check", "subject", "expected", "found")
    )


def _refuse_broken(broken: pl.DataFrame, request: ExportRequest) -> None:
    checks = broken["check"].unique(maintain_order=True).to_list()
    more = f" and {len(checks) - _NAMED} more" if len(checks) > _NAMED else ""
    raise ExportRefusedError(
        f"The books of business {request.business_id} do not tie out in the warehouse: "
        f"{', '.join(checks[:_NAMED])}{more}.",
        "See sage-elt check; read anew with sage-elt sync --full-refresh. --force exports them as they "
        "are and says so in the notes.",
        error_code="export-checks-broken",
    )
