"""``connect``, ``businesses``, ``revoke``: who is signed in and which books are meant."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated

import typer

from sage_accounting.settings import Settings, load_settings
from sage_accounting.tokens import Vault, authorise
from sage_elt import connections
from sage_elt.cli.app import app
from sage_elt.cli.console import say, tell, write_json, write_table
from sage_elt.cli.opening import open_connection
from sage_elt.cli.options import AsJson, Connection, DestinationName, examples
from sage_elt.warehouse import open_warehouse

businesses_app = typer.Typer(help="List and select the businesses of a connection.")
app.add_typer(
    businesses_app,
    name="businesses",
    invoke_without_command=True,
    epilog=examples(
        "sage-elt businesses", "sage-elt businesses --json", "sage-elt businesses use --all"
    ),
)


@app.command(
    epilog=examples(
        "sage-elt connect",
        "sage-elt connect --code ADDRESS",
        "sage-elt connect --refresh-token - < token.txt",
    )
)
def connect(
    code: Annotated[
        str | None, typer.Option(help="Authorisation code, pasted from the redirect address.")
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(help="A refresh token to take over; only - is allowed: read it from stdin."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Let another Sage user take the connection over.")
    ] = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
) -> None:
    """Sign in to Sage once, then list the businesses.

    Opens the browser and waits for Sage's redirect; `--code` and `--refresh-token -` do without.
    Signing in again heals a connection and keeps its cursors and selection.
    """
    settings, vault = _open(connection, destination)
    confirm = _agree if yes else _ask
    if refresh_token is not None:
        if refresh_token != "-":  # noqa: S105 - not a token, the sign for stdin
            raise typer.BadParameter(
                "give - and write the token to stdin", param_hint="--refresh-token"
            )
        authorise.sign_in_with_refresh_token(
            settings, vault, sys.stdin.readline().strip(), confirm_other_user=confirm
        )
    elif code is not None:
        authorise.sign_in_with_code(settings, vault, code.strip(), confirm_other_user=confirm)
    else:
        authorise.sign_in_with_browser(
            settings, vault, open_browser=_open_browser, confirm_other_user=confirm
        )
    vault.save_to_destination()
    say(f"Connection {settings.connection} is signed in.")
    _list(settings, vault, as_json=False)


@businesses_app.callback()
def businesses(
    context: typer.Context,
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
) -> None:
    """List the businesses: id, name, country, selected, lead."""
    if context.invoked_subcommand is None:
        settings, vault = open_connection(connection, open_warehouse(destination))
        _list(settings, vault, as_json=as_json)


@businesses_app.command(
    "use", epilog=examples("sage-elt businesses use ID ID", "sage-elt businesses use --all")
)
def use(
    ids: Annotated[list[str] | None, typer.Argument(help="Business ids to select.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Select all businesses.")] = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
) -> None:
    """Select the businesses that sync reads, stored for the connection."""
    if bool(ids) == every:
        raise typer.BadParameter("give business ids, or --all")
    settings, vault = open_connection(connection, open_warehouse(destination))
    selected = connections.select(settings, vault, None if every else ids)
    say(f"Connection {settings.connection} now reads {len(selected)} businesses.")


@app.command(epilog=examples("sage-elt revoke", "sage-elt revoke --connection acme"))
def revoke(connection: Connection = None, destination: DestinationName = "duckdb") -> None:
    """Revoke the connection's tokens at Sage and forget them here. Loaded data stays."""
    settings, vault = _open(connection, destination)
    vault.revoke()
    say(f"Connection {settings.connection} is signed out. Sign in again with: sage-elt connect")


def _open(connection: str | None, destination: str) -> tuple[Settings, Vault]:
    """Without a look at what is stored: a sign-in must work whatever became of that."""
    settings = load_settings(connection)
    return settings, connections.open_connection(settings, open_warehouse(destination))


def _open_browser(address: str) -> None:
    """Open the page, and show its address for whoever has no browser here."""
    tell(
        f"Sign in to Sage in the browser that opens now, or at this address:\n{address}\nWithout a "
        "browser on this machine, paste the address to which Sage then redirects into: "
        "sage-elt connect --code ADDRESS (within a minute). Waiting for Sage's answer ..."
    )
    webbrowser.open(address)


def _ask(stored: str, new: str) -> bool:
    """Whether another Sage user may take the connection over; no when nobody can be asked."""
    tell(
        f"This connection belongs to Sage user {stored}, and now Sage user {new} has signed in. Its "
        "businesses and cursors would belong to the new one."
    )
    if not sys.stdin.isatty():
        tell("Nobody can be asked here; to agree beforehand: sage-elt connect --yes")
        return False
    return typer.confirm("Let the new user take it over?", err=True)


def _agree(_stored: str, _new: str) -> bool:
    return True


def _list(settings: Settings, vault: Vault, *, as_json: bool) -> None:
    found = connections.list_connection(settings, vault)
    if as_json:
        write_json([business.to_json() for business in found])
        return
    write_table(
        ("id", "name", "country", "selected", "lead"),
        [(b.id, b.name, b.country, _yes(b.is_selected), _yes(b.is_lead)) for b in found],
    )


def _yes(value: bool) -> str:
    return "yes" if value else ""
