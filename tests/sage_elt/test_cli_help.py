"""The help of every command, and the shell's completion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from sage_elt.cli import application
from sage_elt.cli.app import COMMANDS as MODULES
from sage_elt.cli.app import GLOBAL_OPTIONS, globals_first

SAGE_ELT = Path(sys.executable).parent / "sage-elt"
ROOT = typer.main.get_command(application())


def commands(words: Sequence[str], command: Any) -> Iterator[tuple[str, Any]]:
    yield " ".join(words), command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands((*words, name), below)


COMMANDS = dict(commands(("sage-elt",), ROOT))


def examples_of(command: Any) -> list[str]:
    return re.findall(r"`(sage-elt[^`]*)`", command.epilog or "")


EXAMPLES = [example for command in COMMANDS.values() for example in examples_of(command)]


def options(command: Any) -> set[str]:
    return {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}


@pytest.mark.parametrize("words", list(COMMANDS))
def test_command_shows_how_it_is_called(words: str) -> None:
    assert any(example.startswith(words) for example in examples_of(COMMANDS[words]))


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_names_commands_and_options_that_there_are(example: str) -> None:
    words = shlex.split(example.split("<")[0])
    command, called = ROOT, ["sage-elt"]
    for word in words[1:]:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
            called.append(word)
    given = {word for word in words if word.startswith("-") and word != "-"}
    assert len(called) > 1
    assert given <= options(command) | set(GLOBAL_OPTIONS)


@pytest.mark.parametrize("words", list(COMMANDS))
def test_every_option_says_what_it_does(words: str) -> None:
    assert [p.name for p in COMMANDS[words].params if not p.help] == []


@pytest.mark.parametrize("words", list(COMMANDS))
@pytest.mark.parametrize("columns", ["80", "120"])
def test_help_fits_the_screen_and_is_plain_when_piped(
    words: str, columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit):
        application()(args=[*words.split()[1:], "--help"], prog_name="sage-elt")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= int(columns)
    assert all(example.split()[-1] in shown for example in examples_of(COMMANDS[words]))


@pytest.mark.parametrize("words", list(COMMANDS))
def test_command_stands_in_the_module_that_is_loaded_for_it(words: str) -> None:
    command = COMMANDS[words]
    if getattr(command, "commands", None) is None:
        (module,) = (name for name, held in MODULES.items() if words.split()[1] in held)
        assert command.callback.__module__ == f"sage_elt.cli.{module}"


def test_sync_starts_without_what_only_transforms_need() -> None:
    code = "import sys; from sage_elt.cli import application; application(['sync']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"polars", "sage_unified", "jinja2"} & set(done.stdout.split())


def test_global_options_may_stand_behind_the_command() -> None:
    assert globals_first(["sync", "--json", "-q", "--", "-v"]) == [
        "-q",
        "sync",
        "--json",
        "--",
        "-v",
    ]


def test_shell_completes_the_names_of_resources() -> None:
    asked = {
        "_SAGE_ELT_COMPLETE": "complete_bash",
        "COMP_WORDS": "sage-elt sync --resource curr",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [SAGE_ELT], env={**os.environ, **asked}, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout.split() == ["currencies"]
