"""The Typer application, its exit codes, and the edge where errors become paragraphs."""

from __future__ import annotations

import logging
import os
import sys
from enum import IntEnum
from typing import Annotated

import pyarrow as pa
import typer

# Accounting data is nobody else's business: dlt reports usage only to who asks for it.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
# Where Airflow is installed dlt would import it, for 3 s of each command, to ask it for secrets.
if "AIRFLOW_CTX_DAG_ID" not in os.environ:
    os.environ.setdefault("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")

from dlt.common.configuration.exceptions import ConfigFieldMissingException

from sage_accounting.errors import (
    BudgetExhaustedError,
    ConfigurationError,
    ReauthorisationError,
    SageError,
)
from sage_elt.cli.console import complain, people
from sage_elt.warehouse import WarehouseError, WarehouseSettingError, lock_holder
from sage_unified.errors import UnifiedError

app = typer.Typer(
    name="sage-elt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Sage Accounting of seven countries in one warehouse, tied out to the cent.",
)


class ExitCode(IntEnum):
    """What the shell or the scheduler sees."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REAUTHORISE = 3
    PARTIAL = 4


@app.callback()
def _globals(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log each step, and tracebacks.")
    ] = False,
) -> None:
    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    for name in ("sage_accounting", "sage_elt"):
        logging.getLogger(name).setLevel(level)
    if not verbose:
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")


def main() -> None:
    """Run the command line; every way out has an exit code and at most one paragraph."""
    verbose = "--verbose" in sys.argv or "-v" in sys.argv
    # Arrow's own allocator keeps what many threads freed: 350 MB more after 20,000 invoices.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        app(standalone_mode=True)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        if verbose:
            people.print_exception()
        text, code = explain(error)
        complain(text)
        sys.exit(code)


def explain(error: Exception) -> tuple[str, ExitCode]:
    """The paragraph for people and the exit code of whatever went wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ReauthorisationError):
            return str(cause), ExitCode.REAUTHORISE
        if isinstance(cause, ConfigurationError | WarehouseSettingError):
            return str(cause), ExitCode.USAGE
        if isinstance(cause, BudgetExhaustedError):
            return str(cause), ExitCode.PARTIAL
        if isinstance(cause, SageError | WarehouseError | UnifiedError):
            return str(cause), ExitCode.FAILED
        cause = cause.__cause__ or cause.__context__
    if holder := lock_holder(error):
        return (
            f"The warehouse file was held open by {holder} when it was needed. Nothing is lost: what "
            "was extracted stays pending and the next run loads it. Close that program, or wait "
            "longer with --lock-timeout.",
            ExitCode.FAILED,
        )
    deepest = error
    while deepest.__cause__ is not None and isinstance(deepest.__cause__, Exception):
        deepest = deepest.__cause__
    if isinstance(deepest, ConfigFieldMissingException):
        return (
            f"The destination lacks settings: {', '.join(deepest.traces)}. Nothing was read or "
            "changed. Set them under [destination] in .dlt/secrets.toml or in the environment.",
            ExitCode.USAGE,
        )
    # no text of the error itself: a database's complaint can quote a customer's data
    return (
        f"Something failed that should not have ({type(error).__name__}, by "
        f"{type(deepest).__name__}). What was loaded before is untouched. Repeat with "
        "sage-elt --verbose for the details; sync --full-refresh reads everything anew.",
        ExitCode.FAILED,
    )
