"""Options that several commands share, spelled once."""

from __future__ import annotations

from typing import Annotated

import typer


def examples(*commands: str) -> str:
    """The end of a command's help: how it is called."""
    return "Examples:\n\n" + "\n\n".join(f"- `{command}`" for command in commands)


def _resources(incomplete: str) -> list[str]:
    """Names of collections for the shell's completion."""
    from sage_accounting.catalogue import load_catalogue  # only when the shell asks

    return [
        c.name
        for c in load_catalogue().values()
        if c.read != "never" and c.name.startswith(incomplete)
    ]


Connection = Annotated[
    str | None,
    typer.Option(help="Name of the authorised Sage user; default: the setting connection."),
]
DestinationName = Annotated[
    str, typer.Option("--destination", help="dlt destination that holds the warehouse.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
BusinessIds = Annotated[
    list[str] | None,
    typer.Option("--business", help="Business id to read; repeatable. Default: the selected ones."),
]
ResourceNames = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        help="Sage's name of a collection; repeatable. Default: all.",
        autocompletion=_resources,
    ),
]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Read everything again and compare.")
]
LockTimeout = Annotated[
    float,
    typer.Option(min=0, help="Seconds to wait for a program that holds the DuckDB file."),
]
