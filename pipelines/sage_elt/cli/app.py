"""The Typer application, and the edge where errors become paragraphs."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final

import pyarrow as pa
import typer

# Accounting data is nobody else's business: dlt reports usage only to who asks for it.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
# Where Airflow is installed dlt would import it, for 3 s of each command, to ask it for secrets.
if "AIRFLOW_CTX_DAG_ID" not in os.environ:
    os.environ.setdefault("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")

from sage_elt.cli.console import Voice, complain, people, speak, write_json
from sage_elt.cli.logs import set_up_logs
from sage_elt.cli.options import examples
from sage_elt.failures import explain

GLOBAL_OPTIONS: Final = ("--verbose", "-v", "--quiet", "-q", "--log-json")
"""They may also stand behind the command, where people type them."""
COMMANDS: Final = {
    "connect": ("connect", "businesses", "revoke"),
    "copy": ("copy",),
    "demo": ("demo",),
    "explain": ("explain",),
    "export": ("export",),
    "push": ("push", "outbox"),
    "report": ("report",),
    "status": ("status", "doctor"),
    "sync": ("sync",),
    "run": ("transform", "check", "run"),
}
"""By the module that adds them. Only that of the command which runs is imported: all of them load polars,
the rules and the templates, a third of a second that a sync does without."""

app = typer.Typer(
    name="sage-elt",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Sage Accounting of seven countries in one warehouse, tied out to the cent.",
    epilog=examples("sage-elt demo", "sage-elt run --quiet", "sage-elt status"),
)


@app.callback()
def _globals(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log each step, and tracebacks.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")
    ] = False,
    log_json: Annotated[
        bool,
        typer.Option(
            "--log-json",
            envvar="SAGE_ELT_LOG_JSON",
            help="Write what people would read as one JSON object a line, each resource with its figures.",
        ),
    ] = False,
) -> None:
    chosen = Voice(is_quiet=quiet, is_verbose=verbose, logs_json=log_json)
    speak(chosen)
    set_up_logs(chosen)


def main() -> None:
    """Run the command line; every way out has an exit code and at most one paragraph."""
    arguments = sys.argv[1:]
    speak(Voice())
    # Arrow's own allocator keeps what many threads freed: 350 MB more after 20,000 invoices.
    pa.set_memory_pool(pa.system_memory_pool())
    # Python would search all that was ever imported for cycles when it ends, for a third of a second.
    atexit.register(gc.freeze)
    try:
        words = globals_first(arguments)
        application(words)(args=words, prog_name="sage-elt", standalone_mode=True)
    except Exception as error:  # noqa: BLE001 - the edge of the process
        if "--verbose" in arguments or "-v" in arguments:
            people().print_exception()
        failure = explain(error)
        complain(failure.text, failure.error_code)
        if "--json" in arguments:
            write_json(failure.to_json())
        sys.exit(failure.exit_code)


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line with the command that ``words`` begin with; with all when they name none."""
    asked = next((word for word in words if word not in GLOBAL_OPTIONS), None)
    named = [module for module, commands in COMMANDS.items() if asked in commands]
    for module in named or COMMANDS:
        import_module(f"sage_elt.cli.{module}")
    return app


def globals_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global options in front of the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = [word for word in arguments[:end] if word in GLOBAL_OPTIONS]
    return [
        *ours,
        *(word for word in arguments[:end] if word not in GLOBAL_OPTIONS),
        *arguments[end:],
    ]
