"""The jobs behind ``sage-elt export``: from the warehouse to the files of one format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

import polars as pl

from sage_elt.export_files import ExportRequest, preparing
from sage_elt.export_parts import LeftOut, Lines, batched, parts
from sage_elt.export_reading import Spool
from sage_elt.warehouse import Warehouse
from sage_unified.exports import datev, fec, sii, sii_xml, vat_boxes
from sage_unified.exports.datev_accounts import account_length, personal_numbers
from sage_unified.exports.datev_format import (
    MOST_RECORDS,
    Batch,
    encoded,
    header,
    require_numbers,
    to_bytes,
)
from sage_unified.exports.datev_legs import Chart
from sage_unified.exports.identifiers import bad_identifiers
from sage_unified.exports.json_text import json_text
from sage_unified.exports.refusals import (
    ExportRefusedError,
    Period,
    require_country,
    require_one_year,
)
from sage_unified.exports.sii_invoices import invoices

__all__ = [
    "DatevClient",
    "ExportRequest",
    "ExportedReturn",
    "export_datev",
    "export_fec",
    "export_sii",
    "export_vat_return",
]


_BOOKS: Final[dict[sii_xml.Book, str]] = {"issued": "sale", "received": "purchase"}
_NAMES: Final[dict[sii_xml.Book, str]] = {"issued": "emitidas", "received": "recibidas"}


@dataclass(frozen=True)
class DatevClient:
    """Whom the batch is for: DATEV checks both numbers when it imports."""

    consultant: int
    client: int


@dataclass(frozen=True)
class ExportedReturn:
    """A VAT return and its files."""

    paths: list[Path]
    boxes: pl.DataFrame
    """``return, agency, box, label, amount``."""
    json: str
    """The content of the JSON file."""


def export_vat_return(
    warehouse: Warehouse, request: ExportRequest, period_key: str | None = None
) -> ExportedReturn:
    """The boxes of a period as JSON, the lines behind them, notes.

    For GB the JSON is the body of HMRC's VAT API, ``finalised`` false. Raises ``ExportRefusedError`` and
    ``WarehouseError``; then nothing was written.
    """
    with preparing(warehouse, request, "vat-return") as export:
        business, period = export.business, request.period
        wanted = export.parameters()
        with export.reading() as rows:
            export.require_mapped(rows.frame("unmapped_lines", wanted))
            sums = rows.frame("vat_sums", wanted)
            contacts = rows.frame("contacts", wanted)
            lines = rows.spool("vat_lines", wanted)
        boxes = vat_boxes.boxes(business, sums)
        body = (
            vat_boxes.hmrc_body(boxes, period_key)
            if business.country == "GB"
            else vat_boxes.document(business, period, boxes)
        )
        text = json_text(body) + "\n"
        stem = f"vat-return_{business.country}_{business.label}_{period.first}_{period.last}"
        export.write(f"{stem}.json", [text.encode()])
        export.write(
            f"{stem}_lines.csv",
            chain([vat_boxes.detail_header()], map(vat_boxes.detail, lines.batches())),
        )
        export.notes |= {
            "lines": int(sums["lines"].sum()),
            "bad_identifiers": bad_identifiers(business, contacts).to_dicts(),
        }
        return ExportedReturn(export.finish(stem), boxes, text)


def export_fec(warehouse: Warehouse, request: ExportRequest) -> list[Path]:
    """The French file of entries of a financial year, its description and notes; their paths.

    Raises ``ExportRefusedError`` and ``WarehouseError``; then nothing was written.
    """
    with preparing(warehouse, request, "fec") as export:
        business, period = export.business, request.period
        require_country(business, "FR", "The FEC")
        year = require_one_year(business, period)
        fec.require_whole_year(business, period, year)
        name = fec.file_name(business, year)
        wanted = export.parameters(with_closing=False)
        with export.reading() as rows:
            export.require_balance(rows.frame("unbalanced", wanted))
            contacts = rows.frame("contacts", wanted)
            opening = fec.opening_lines(rows.frame("opening", wanted), period.first)
            entries = rows.spool("entries", wanted, "entry_id")
        first_number = 1 if opening.is_empty() else 2
        batches = (fec.entry_lines(b, first_number) for b in entries.batches())
        lines = Lines()
        counted = lines.counted(chain([opening], batches))
        export.write(name, chain([fec.header()], map(fec.to_bytes, counted)))
        _require_lines(lines.count, request)
        stem = name.removesuffix(".txt")
        note = fec.description_note(business, period, year)
        export.write(f"{stem}_description.txt", [note.encode(fec.ENCODING)])
        export.notes |= {
            "lines": lines.count,
            "bad_identifiers": bad_identifiers(business, contacts).to_dicts(),
        }
        return export.finish(stem)


def export_datev(warehouse: Warehouse, request: ExportRequest, client: DatevClient) -> list[Path]:
    """Booking batches, debtors and creditors, notes; their paths.

    Raises ``ExportRefusedError`` and ``WarehouseError``; then nothing was written.
    """
    with preparing(warehouse, request, "datev") as export:
        business, period = export.business, request.period
        chart_name = datev.require_chart(business)
        year = require_one_year(business, period)
        require_numbers(client.consultant, client.client)
        wanted = export.parameters()
        with export.reading() as rows:
            export.require_balance(rows.frame("unbalanced", wanted))
            export.require_mapped(rows.frame("unmapped_entries", wanted))
            extent = rows.frame("extent", wanted).row(0, named=True)
            _require_lines(extent["entries"], request)
            length = account_length(rows.frame("codes", wanted)["code"])
            contacts = rows.frame("contacts", wanted)
            rates = rows.frame("rates", wanted)
            entries = rows.spool("entries", wanted, "entry_id")
        persons = personal_numbers(contacts, length)
        chart = Chart(chart_name, length, persons, rates)
        batch = Batch(
            consultant=client.consultant,
            client=client.client,
            year_first=year.first,
            account_length=length,
            made_at=extent["made_at"] or datetime.combine(extent["last"], datetime.min.time(), UTC),
            chart=chart_name,
            currency=business.base_currency,
            entries=Period(extent["first"], extent["last"]),
        )
        span = f"{business.label}_{period.first}_{period.last}"
        booked = (datev.booking_lines(b, chart) for b in entries.batches())
        lines = Lines()
        for part, bookings in enumerate(parts(lines.counted(booked), MOST_RECORDS), 1):
            export.write(
                f"EXTF_Buchungsstapel_{span}_{part}.csv",
                chain([encoded(header(batch, "booking"))], map(to_bytes, bookings)),
            )
        people = datev.contact_lines(contacts, persons)
        for part, accounts in enumerate(parts([people], MOST_RECORDS), 1):
            export.write(
                f"EXTF_DebitorenKreditoren_{span}_{part}.csv",
                chain([encoded(header(batch, "contact"))], map(to_bytes, accounts)),
            )
        export.notes |= {
            "lines": lines.count,
            "consultant": client.consultant,
            "client": client.client,
            "bad_identifiers": bad_identifiers(business, contacts).to_dicts(),
        }
        return export.finish(f"EXTF_Buchungsstapel_{span}")


def export_sii(warehouse: Warehouse, request: ExportRequest) -> list[Path]:
    """The Spanish books of issued and received invoices, what is in neither, notes; their paths.

    Raises ``ExportRefusedError`` and ``WarehouseError``; then nothing was written.
    """
    with preparing(warehouse, request, "sii") as export:
        business, period = export.business, request.period
        nif = sii.require_nif(business)
        wanted = export.parameters()
        with export.reading() as rows:
            export.require_mapped(rows.frame("unmapped_lines", wanted))
            contacts = rows.frame("contacts", wanted)
            books: dict[sii_xml.Book, Spool] = {
                book: rows.spool(
                    "invoices",
                    {**wanted, "direction": direction},
                    *("tax_point", "line_id", "component_seq", "part"),
                )
                for book, direction in _BOOKS.items()
            }
        span = f"{business.label}_{period.first}_{period.last}"
        left_out = LeftOut()
        for book, lines in books.items():
            found = (i for batch in lines.batches() for i in invoices(batch))
            records = left_out.without(book, sii.reported(book, business, nif, found))
            count = 0
            for part, texts in enumerate(batched(records, sii_xml.MOST_RECORDS), 1):
                count += len(texts)
                content = (
                    sii_xml.opening(book, business, nif),
                    *(f"{text}\n" for text in texts),
                    sii_xml.closing(book),
                )
                name = f"SII_{_NAMES[book]}_{span}_{part}.xml"
                export.write(name, (text.encode() for text in content))
            export.notes[book] = count
        export.write(f"SII_{span}_not_reported.csv", left_out.csv())
        export.notes |= {
            "not_reported": len(left_out.rows),
            "bad_identifiers": bad_identifiers(business, contacts).to_dicts(),
        }
        return export.finish(f"SII_{span}")


def _require_lines(count: int, request: ExportRequest) -> None:
    if not count:
        raise ExportRefusedError(
            f"Business {request.business_id} has no posted entry in the period {request.period}.",
            "Check --from and --to; if the books should have some, run: sage-elt run",
            error_code="export-no-entries",
        )
