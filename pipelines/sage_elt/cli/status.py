"""``status`` and ``doctor``: the pages that one opens at night."""

from __future__ import annotations

from typing import Any

import typer

from sage_elt import connections
from sage_elt.cli.app import ExitCode, app
from sage_elt.cli.console import say, write_json, write_table
from sage_elt.cli.opening import open_connection
from sage_elt.cli.options import AsJson, Connection, DestinationName
from sage_elt.doctor import examine
from sage_elt.warehouse import open_warehouse


@app.command()
def status(
    as_json: AsJson = False, connection: Connection = None, destination: DestinationName = "duckdb"
) -> None:
    """Token state and expiry; per business and resource: cursor, rows, last success, last error."""
    warehouse = open_warehouse(destination)
    settings, vault = open_connection(connection, warehouse)
    found = connections.status_of(settings, warehouse, vault)
    if as_json:
        write_json(found)
        return
    token = found["token"]
    say(
        f"connection {found['connection']}: tokens {token['state']}, generation "
        f"{token['generation']}, refresh token good until {token['refresh_expires_at'] or 'unknown'}"
    )
    if token["state"] != "ok":
        say(f"A person must sign in. Run: sage-elt connect --connection {settings.connection}")
    for business in found["businesses"]:
        _show(business)


@app.command()
def doctor(
    as_json: AsJson = False, connection: Connection = None, destination: DestinationName = "duckdb"
) -> None:
    """Look for what keeps the connection from working.

    Exit 1 when something does, 3 when all that is missing is a person who signs in.
    """
    found = list(examine(connection, open_warehouse(destination)))
    if as_json:
        write_json([finding.to_json() for finding in found])
    else:
        write_table(
            ("subject", "verdict", "detail"), [(f.subject, f.verdict, f.detail) for f in found]
        )
    failed = [finding for finding in found if finding.verdict == "failed"]
    if not failed:
        raise typer.Exit(ExitCode.DONE)
    needs_sign_in = all(finding.heals_by_sign_in for finding in failed)
    raise typer.Exit(ExitCode.REAUTHORISE if needs_sign_in else ExitCode.FAILED)


def _show(business: dict[str, Any]) -> None:
    selected = "selected" if business["selected"] else "not selected"
    say(f"\n{business['id']} {business['name'] or ''} {business['country'] or ''} ({selected})")
    write_table(
        ("resource", "rows", "cursor", "last success", "last error"),
        [
            (name, state["rows"], state["cursor"], state["last_success"], state["last_error"])
            for name, state in business["resources"].items()
        ],
        right="rows",
    )
