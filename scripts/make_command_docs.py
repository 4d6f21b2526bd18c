"""Writes docs/reference/commands.md from the command line itself: ``python scripts/make_command_docs.py``.

A test holds that the page is current, so an option without its help text can not be added.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer

from sage_elt.cli import ExitCode, application

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"

_HEAD: Final = """\
# Commands

Ask the command itself with `sage-elt COMMAND --help`; this page is written from the same source by
`scripts/make_command_docs.py`, not by hand. Text for people goes to stderr, data and `--json` to stdout.
"""
_ENDS: Final = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed, or a tie-out is broken",
    ExitCode.USAGE: "the command was not understood, or a setting is missing or wrong; nothing was sent",
    ExitCode.REAUTHORISE: "a person must sign in again: `sage-elt connect`",
    ExitCode.PARTIAL: "some businesses or resources failed; the others are loaded and committed",
}


def page() -> str:
    """The whole page."""
    ends = "\n".join(f"| {code.value} | {_ENDS[code]} |" for code in ExitCode)
    parts = [_HEAD, f"## Exit codes\n\n| code | means |\n|--:|---|\n{ends}\n"]
    for words, command in _commands(("sage-elt",), typer.main.get_command(application())):
        parts.append(_section(words, command))
    return "\n".join(parts)


def _commands(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The command and those below it, each with the words that call it."""
    yield words, command
    for name in sorted(getattr(command, "commands", {})):
        yield from _commands((*words, name), command.commands[name])


def _section(words: tuple[str, ...], command: Any) -> str:
    title = "## Options before a command" if len(words) == 1 else f"## {' '.join(words)}"
    parts = [title]
    parts += [text.strip() for text in (command.help, command.epilog) if text]
    rows = [
        _row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)
    ]
    if rows:
        parts.append("\n".join(["| option | default | |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        called = f"`{parameter.name.upper()}{'…' if parameter.nargs != 1 else ''}`"
    else:
        called = ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts))
    default = "required" if parameter.required else _default(parameter.default)
    return f"| {called} | {default} | {(parameter.help or '').replace('|', '/')} |"


def _default(value: object) -> str:
    if value is None or value is False or callable(value) or value == []:
        return ""
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
