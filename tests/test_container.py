"""What can be known of the container without building it: it names only what is there."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import typer

from sage_elt.cli import application

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def arguments(instruction: str) -> list[str]:
    """What follows each occurrence of an instruction."""
    return re.findall(rf"^{instruction} (.+)$", TEXT, flags=re.MULTILINE)


def test_all_that_is_copied_from_the_project_exists() -> None:
    copied = [line.split()[:-1] for line in arguments("COPY") if not line.startswith("--from")]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []


def test_all_that_the_build_needs_is_copied() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    packages = build["build"]["targets"]["wheel"]["packages"]
    needed = {PROJECT["readme"], *PROJECT["license-files"], *(p.split("/")[0] for p in packages)}
    copied = {name for line in arguments("COPY") for name in line.split()[:-1]}
    assert needed <= copied


def test_extras_that_it_installs_are_the_projects() -> None:
    extras = re.findall(r"'\.\[(.+?)\]'", TEXT)
    assert extras
    assert {name for group in extras for name in group.split(",")} <= set(
        PROJECT["optional-dependencies"]
    )


def test_it_installs_with_the_installer_of_the_makefile() -> None:
    found = re.findall(r"uv==[\d.]+", (ROOT / "Makefile").read_text(encoding="utf-8") + TEXT)
    assert len(found) > 1
    assert len(set(found)) == 1


def test_it_starts_a_command_that_exists() -> None:
    (program,) = json.loads(arguments("ENTRYPOINT")[0])
    (command,) = json.loads(arguments("CMD")[0])
    assert program in PROJECT["scripts"]
    assert command in typer.main.get_command(application()).list_commands(None)  # type: ignore[attr-defined, arg-type]


def test_its_python_is_one_that_the_project_supports() -> None:
    versions = {tuple(map(int, v.split("."))) for v in re.findall(r"python:(\d+\.\d+)-slim", TEXT)}
    assert versions
    assert all((3, 11) <= version < (3, 14) for version in versions)


def test_it_does_not_run_as_root() -> None:
    users = arguments("USER")
    assert users
    assert users[-1] not in ("0", "root")
