"""``explain``: the catalogue of errors at the shell."""

from __future__ import annotations

from typing import Annotated

import typer

from sage_elt.cli.app import app
from sage_elt.cli.console import write_json, write_table
from sage_elt.cli.options import AsJson, examples
from sage_elt.error_catalogue import anchor_of, catalogue


def _codes(incomplete: str) -> list[str]:
    return [code for code in catalogue() if code.startswith(incomplete)]


@app.command(epilog=examples("sage-elt explain refresh-token-refused", "sage-elt explain"))
def explain(
    code: Annotated[
        str | None,
        typer.Argument(help="Code of an error, as messages end with it.", autocompletion=_codes),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the cause of an error and what to do, by its code; without one, list all codes."""
    if code is not None and code not in catalogue():
        raise typer.BadParameter("there is no such code; list them with: sage-elt explain")
    entries = list(catalogue().values()) if code is None else [catalogue()[code]]
    if as_json:
        write_json(
            [
                {"code": e.code, "cause": e.cause, "remedy": e.remedy, "docs": anchor_of(e.code)}
                for e in entries
            ]
        )
    elif code is None:
        write_table(("code", "cause"), [(entry.code, entry.cause) for entry in entries])
    else:
        entry = entries[0]
        typer.echo(
            f"{entry.code}\n\n{entry.cause}\n\nWhat to do: {entry.remedy}\n\n{anchor_of(code)}"
        )
