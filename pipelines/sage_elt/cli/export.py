"""``export``: files for tax offices and accountants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from sage_elt import exports
from sage_elt.cli.app import app
from sage_elt.cli.console import say, warn, write_table
from sage_elt.cli.options import AsJson, DestinationName, examples
from sage_elt.exports import DatevClient, ExportRequest
from sage_elt.warehouse import open_warehouse
from sage_unified.exports.refusals import Period

export = typer.Typer(
    no_args_is_help=True,
    help="Write files for tax offices and accountants.",
    epilog=examples("sage-elt export vat-return --business ID --from 2026-01-01 --to 2026-03-31"),
)
app.add_typer(export, name="export")

_Business = Annotated[str, typer.Option("--business", help="Business id.")]
_From = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")]
_To = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")]
_Output = Annotated[Path, typer.Option("--output", help="Folder for the files.")]
_Force = Annotated[
    bool, typer.Option("--force", help="Export although tie-outs are broken; the notes say so.")
]
_Consultant = Annotated[int, typer.Option("--consultant", help="DATEV's number of the consultant.")]
_Client = Annotated[int, typer.Option("--client", help="DATEV's number of the client.")]
_PeriodKey = Annotated[
    str | None,
    typer.Option("--period-key", help="GB: HMRC's key of the period, from its obligations."),
]
_HERE = Path()
_NO_CONSULTANT, _NO_CLIENT = 1001, 1
"""The lowest numbers that DATEV knows, for who has none yet."""


@export.command(
    "vat-return",
    epilog=examples("sage-elt export vat-return --business ID --from 2026-01-01 --to 2026-03-31"),
)
def export_vat_return(
    business: _Business,
    first: _From,
    last: _To,
    period_key: _PeriodKey = None,
    as_json: AsJson = False,
    output: _Output = _HERE,
    force: _Force = False,
    destination: DestinationName = "duckdb",
) -> None:
    """The boxes of a VAT return, of any country, with the lines behind each."""
    request = _request(business, first, last, output, force)
    exported = exports.export_vat_return(open_warehouse(destination), request, period_key)
    if as_json:
        typer.echo(exported.json, nl=False)
    else:
        write_table(
            ("return", "agency", "box", "label", "amount"), exported.boxes.rows(), right="amount"
        )
    for path in exported.paths:
        say(f"  {path}")
    say(f"exported {len(exported.paths)} files")


@export.command(
    "fec",
    epilog=examples("sage-elt export fec --business ID --from 2025-01-01 --to 2025-12-31"),
)
def export_fec(
    business: _Business,
    first: _From,
    last: _To,
    output: _Output = _HERE,
    force: _Force = False,
    destination: DestinationName = "duckdb",
) -> None:
    """France: the file of entries of a financial year (article A47 A-1)."""
    request = _request(business, first, last, output, force)
    _show(exports.export_fec(open_warehouse(destination), request))


@export.command(
    "datev",
    epilog=examples(
        "sage-elt export datev --business ID --from 2026-01-01 --to 2026-01-31 --consultant 29098"
    ),
)
def export_datev(
    business: _Business,
    first: _From,
    last: _To,
    consultant: _Consultant = _NO_CONSULTANT,
    client: _Client = _NO_CLIENT,
    output: _Output = _HERE,
    force: _Force = False,
    destination: DestinationName = "duckdb",
) -> None:
    """Germany: booking batches with debtors and creditors for DATEV (EXTF 700)."""
    if (consultant, client) == (_NO_CONSULTANT, _NO_CLIENT):
        warn(
            f"consultant {_NO_CONSULTANT} and client {_NO_CLIENT} stand in the headers; DATEV "
            "takes a batch only under the right ones. Give --consultant and --client."
        )
    request = _request(business, first, last, output, force)
    _show(
        exports.export_datev(open_warehouse(destination), request, DatevClient(consultant, client))
    )


@export.command(
    "sii",
    epilog=examples("sage-elt export sii --business ID --from 2026-01-01 --to 2026-01-31"),
)
def export_sii(
    business: _Business,
    first: _From,
    last: _To,
    output: _Output = _HERE,
    force: _Force = False,
    destination: DestinationName = "duckdb",
) -> None:
    """Spain: the books of issued and received invoices for the SII."""
    request = _request(business, first, last, output, force)
    _show(exports.export_sii(open_warehouse(destination), request))


def _request(
    business: str, first: datetime, last: datetime, output: Path, force: bool
) -> ExportRequest:
    return ExportRequest(business, Period(_day(first), _day(last)), output, force)


def _day(moment: datetime) -> date:
    return moment.date()


def _show(paths: Sequence[Path]) -> None:
    """The files on stdout, one a line, for programs."""
    for path in paths:
        typer.echo(str(path))
    say(f"exported {len(paths)} files")
