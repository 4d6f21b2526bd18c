"""``push`` and ``outbox``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sage_accounting.errors import ConfigurationError
from sage_accounting.settings import load_settings
from sage_accounting.writes.write import json_text
from sage_elt.cli.app import app
from sage_elt.cli.console import complain, say, write_json, write_table
from sage_elt.cli.opening import open_connection
from sage_elt.cli.options import AsJson, Connection, DestinationName, LockTimeout, examples
from sage_elt.failures import ExitCode
from sage_elt.push import Library, Plan, PushReport, bodies, open_outbox, plan, push_plan
from sage_elt.warehouse import open_warehouse

_STDIN = "-"
_SHOWN_FATES = 20


@app.command(
    epilog=examples(
        "sage-elt push invoices.jsonl",
        "sage-elt push --dry-run invoices.jsonl",
        "sage-elt push --keep-going --json - < invoices.jsonl",
    )
)
def push(
    file: Annotated[str, typer.Argument(help="JSON Lines, one document a line; - is stdin.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent; send and store nothing.")
    ] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Send the good lines although others are bad.")
    ] = False,
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
    lock_timeout: LockTimeout = 60.0,
) -> None:
    """Write documents into Sage, each line exactly once.

    Lines: {"key", "business_id", "resource", "body"} or {"key", "business_id", "type", "data"}. A change
    of a record has "method": "PUT", its "id" and the "updated_at" with which it was read.
    """
    texts = _texts(file)
    warehouse = open_warehouse(destination)
    settings = load_settings(connection)
    with open_outbox(settings, warehouse) as outbox:
        planned = plan(texts, outbox, Library(warehouse, lock_timeout, _say_waiting))
        if dry_run:
            raise typer.Exit(_show_bodies(planned))
        if planned.problems and not keep_going:
            report = PushReport.of_problems(planned)
        else:
            _, vault = open_connection(settings.connection, warehouse)
            report = push_plan(planned, outbox, settings, vault)
    _show(report)
    if as_json:
        write_json(report.to_json())
    raise typer.Exit(_EXIT_CODES[report.status])


@app.command(epilog=examples("sage-elt outbox", "sage-elt outbox --json"))
def outbox(
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
) -> None:
    """List every line that was pushed: its fate, Sage's id, the error."""
    with open_outbox(load_settings(connection), open_warehouse(destination)) as held:
        entries = held.entries()
    if as_json:
        write_json([entry.to_json() for entry in entries])
        return
    write_table(
        ("key", "business", "resource", "state", "attempts", "sage id", "error"),
        [
            (e.key, e.business_id, e.resource, e.state, e.attempts, e.sage_id, e.error)
            for e in entries
        ],
        right="attempts",
    )
    say(f"{len(entries)} lines, {sum(1 for e in entries if not e.is_final)} pending")


_EXIT_CODES = {
    "ok": ExitCode.DONE,
    "partial": ExitCode.PARTIAL,
    "failed": ExitCode.FAILED,
    "invalid": ExitCode.USAGE,
}


def _texts(file: str) -> list[str]:
    """The lines of a file or of stdin."""
    try:
        content = sys.stdin.read() if file == _STDIN else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file {file} can not be read as UTF-8 text ({type(error).__name__}). Nothing was sent "
            "to Sage. Name a file of JSON Lines, or - for stdin.",
            error_code="push-file-unreadable",
        ) from error
    # not splitlines(): a text may hold the other line ends that Unicode knows
    return content.split("\n")


def _say_waiting(holder: str) -> None:
    say(f"waiting for the warehouse file: {holder} holds it open")


def _show_bodies(planned: Plan) -> ExitCode:
    for each in bodies(planned.writes):
        sys.stdout.write(json_text(each) + "\n")
    for key in planned.known:
        say(f"line {planned.lines[key].number} ({key}): was pushed before")
    for problem in planned.problems:
        complain(str(problem))
    return ExitCode.USAGE if planned.problems else ExitCode.DONE


def _show(report: PushReport) -> None:
    """Each line that is not in Sage with its reason, and one line for all."""
    failed = [each for each in report.lines if each.error]
    for each in failed[:_SHOWN_FATES]:
        key = f" ({each.key})" if each.key else ""
        complain(f"line {each.line}{key}: {each.error}")
    if len(failed) > _SHOWN_FATES:
        say(f"… and {len(failed) - _SHOWN_FATES} lines more: see sage-elt outbox, or use --json")
    if report.is_invalid:
        say("Nothing was sent. Correct the lines, or send the others with --keep-going.")
        return
    counts = report.counts()
    say(
        f"push {report.status}: {counts['created']} created, {counts['updated']} updated, "
        f"{counts['replayed']} replayed, {counts['rejected']} rejected, {counts['pending']} pending; "
        f"{counts['unchanged']} of them before"
    )
