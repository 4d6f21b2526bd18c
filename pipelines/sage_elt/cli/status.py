"""``status`` and ``doctor``: the pages that one opens at night."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from sage_accounting.budget import Use
from sage_elt.cli.app import app
from sage_elt.cli.console import say, tell, write_json, write_table
from sage_elt.cli.opening import open_connection
from sage_elt.cli.options import AsJson, Connection, DestinationName, examples
from sage_elt.connection_status import status_of
from sage_elt.doctor import examine
from sage_elt.failures import ExitCode
from sage_elt.freshness import BusinessFreshness, Freshness, age, budget_uses, freshness_of
from sage_elt.jobs.syncing import books_pipeline
from sage_elt.warehouse import open_warehouse


@app.command(epilog=examples("sage-elt status", "sage-elt status --all", "sage-elt status --json"))
def status(
    every: Annotated[
        bool,
        typer.Option("--all", help="List each resource on a terminal too, not only failing ones."),
    ] = False,
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
) -> None:
    """How fresh the data is, what fails, tokens and budget, and what to do next.

    Piped or with `--all`, also each resource's cursor, rows, last success and last error. Asks Sage nothing.
    """
    warehouse = open_warehouse(destination)
    settings, vault = open_connection(connection, warehouse)
    found = status_of(settings, warehouse, vault)
    folder = books_pipeline(warehouse, settings.connection).pipelines_dir
    uses = budget_uses(settings, folder, [each["id"] for each in found["businesses"]])
    now = datetime.now(UTC)
    page = freshness_of(found, uses, now)
    if as_json:
        write_json(_json(found, page))
        return
    _show_connection(page, found["token"])
    is_whole = every or not sys.stdout.isatty()
    for business, details in zip(page.businesses, found["businesses"], strict=True):
        _show_business(business, now)
        _show_resources(details["resources"], None if is_whole else business.failing)


@app.command(epilog=examples("sage-elt doctor", "sage-elt doctor --json"))
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


def _json(found: dict[str, Any], page: Freshness) -> dict[str, Any]:
    """The promised shape, and the page beside it."""
    return {
        **found,
        "token": {**found["token"], "days_left": page.days_left},
        "next_step": page.next_step,
        "businesses": [
            {**details, "freshness": business.to_json()}
            for details, business in zip(found["businesses"], page.businesses, strict=True)
        ],
    }


def _show_connection(page: Freshness, token: dict[str, Any]) -> None:
    left = "" if page.days_left is None else f", {page.days_left} days left without a sync"
    is_well = page.token_state == "ok"  # noqa: S105 - a state, not a token
    line = (
        f"connection {page.connection}: tokens {page.token_state}, generation "
        f"{token['generation']}{left}"
    )
    say(line) if is_well else tell(line, logging.ERROR)
    if page.next_step:
        tell(f"  next: {page.next_step}", logging.WARNING)


def _show_business(business: BusinessFreshness, now: datetime) -> None:
    """A line when all is well; what fails and what to do when not."""
    name = " ".join(part for part in (business.name, business.country) if part)
    chosen = "" if business.is_selected else " (not selected)"
    lists = f"{business.lists} lists"
    if business.not_offered:
        lists += f", {business.not_offered} not offered"
    speak = say if business.state == "fresh" or not business.is_selected else tell
    oldest, newest = age(business.complete_at, now), age(business.last_success, now)
    speak(f"\n{business.id} {name}{chosen}")
    speak(f"  {business.state}: last success {newest}; {lists}")
    if business.complete_at and oldest != newest:
        speak(f"  oldest list: {oldest}")
    if business.failing:
        more = f" and {len(business.failing) - 5} more" if len(business.failing) > 5 else ""
        speak(f"  failing: {', '.join(business.failing[:5])}{more}: {business.last_error}")
    if business.budget:
        say(f"  budget: {_budget(business.budget)}")
    if business.next_step:
        speak(f"  next: {business.next_step}")


def _budget(uses: Sequence[Use]) -> str:
    return ", ".join(
        f"{use.used:,} of {use.allowed:,} requests in the last {use.window}"
        + ("" if use.subject.startswith("business") else f" of {use.subject}")
        for use in uses
    )


def _show_resources(resources: dict[str, dict[str, Any]], only: Sequence[str] | None) -> None:
    shown = {name: r for name, r in resources.items() if only is None or name in only}
    if not shown:
        return
    write_table(
        ("resource", "rows", "cursor", "last success", "last error"),
        [
            (name, state["rows"], state["cursor"], state["last_success"], state["last_error"])
            for name, state in shown.items()
        ],
        right="rows",
    )
