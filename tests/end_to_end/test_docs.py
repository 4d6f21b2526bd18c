"""What the documentation tells people to type works, and it tells of everything there is."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from docs_pages import DOCS, ROOT, Block, blocks, pages
from shell import Done, User, new_user

from sage_accounting.catalogue import load_catalogue, load_fields
from sage_elt.cli import application
from sage_sandbox.server import running_sandbox
from sage_unified import TABLES, duckdb_types
from sage_unified.rule_schemas import SCHEMAS

PAGES = [page for page in pages() if any(block.skip is None for block in blocks(page))]
SKIPPED = [block for page in pages() for block in blocks(page) if block.skip is not None]
COUNTRIES = ("GB", "FR", "ES", "DE")
"""Of the reader's books: each country that a page speaks of."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A reader whose books are in the warehouse; each page starts from a copy of that."""
    with running_sandbox(countries=COUNTRIES, invoices=15, seed=2) as running:
        somebody = new_user(tmp_path_factory.mktemp("library") / "reader", running)
        somebody.connect()
        somebody.ok("run")
        yield somebody


@pytest.fixture
def reader(library: User, tmp_path: Path) -> User:
    """Signed in, everything synced, in a folder of the page's own."""
    somebody = new_user(tmp_path / "reader", library.sandbox)
    somebody.environment["PATH"] = f"{Path(sys.executable).parent}:{library.environment['PATH']}"
    shutil.copy(library.warehouse, somebody.warehouse)
    somebody.connect()
    return somebody


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_the_page_work(reader: User, page: Path) -> None:
    of_page = [block for block in blocks(page) if block.skip is None]
    spoken_of = {_business(reader, block) for block in of_page}
    reader.ok("businesses", "use", *sorted(spoken_of))  # all four would take four times as long
    for block in sorted(of_page, key=lambda block: block.file is None):
        done = follow(reader, block)
        assert done.returncode == block.exit_code, f"{block.place}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "block",
    [pytest.param(b, id=b.place, marks=pytest.mark.skip(reason=str(b.skip))) for b in SKIPPED],
)
def test_block_is_not_run(block: Block) -> None:
    """Lists in the output what is not run, and why."""


def follow(reader: User, block: Block) -> Done:
    """Do what a block says, as a reader would."""
    text = _with_ids(reader, block)
    if block.file is not None:
        return _write(reader.folder / block.file, text)
    if block.language == "python":
        return _process(reader, sys.executable, "-c", text)
    if block.language == "sql":
        return _query(reader, text)
    lines = text.replace("\\\n", " ").strip().splitlines()
    if all(map(_is_whole, lines)):
        return _one_by_one(reader, lines)
    return _shell(reader, text)


def _with_ids(reader: User, block: Block) -> str:
    """The text with ``ID`` (in data ``…``) as the id of a business that the reader has."""
    business = _business(reader, block)
    text = re.sub(r"\bID\b…?", business, block.text)
    return text.replace('"…"', f'"{business}"')


def _business(reader: User, block: Block) -> str:
    """Id of the business that a block speaks of."""
    businesses = reader.sandbox.state.businesses.values()
    return next(each.id for each in businesses if each.country == block.country)


def _write(path: Path, text: str) -> Done:
    if path.suffix == ".jsonl":  # shown on several lines
        text = json.dumps(json.loads(text)) + "\n"
    path.write_text(text, encoding="utf-8")
    return Done(0, "", "")


def _query(reader: User, text: str) -> Done:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{reader.warehouse}' AS books (READ_ONLY); USE books")
        connection.execute(text)
    return Done(0, "", "")


def _is_whole(line: str) -> bool:
    """Whether a line is a command in itself, with every quote closed."""
    try:
        shlex.split(line, comments=True)
    except ValueError:
        return False
    return True


def _one_by_one(reader: User, lines: list[str]) -> Done:
    """Each line; calls of ours in this process, because a new one spends seconds on its imports."""
    done = Done(0, "", "")
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["sage-elt"] and not set(line) & set("|<>&$;"):
            done = reader.run(*words[1:])
        elif words:
            done = _shell(reader, line)
        if done.returncode:
            break
    return done


def _shell(reader: User, text: str) -> Done:
    """What bash makes of it; make is only asked whether it knows the target."""
    known = f"make --dry-run -C {shlex.quote(str(ROOT))} "
    text = re.sub(r"^make ", known, text, flags=re.MULTILINE)
    return _process(reader, "bash", "-euo", "pipefail", "-c", text)


def _process(reader: User, *command: str) -> Done:
    done = subprocess.run(
        command,
        cwd=reader.folder,
        env=reader.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def reference(name: str) -> str:
    return (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it."""
    waiting = [("sage-elt", typer.main.get_command(application()))]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        below = getattr(command, "commands", {})
        waiting += [(f"{words} {name}", below[name]) for name in below]


@pytest.mark.parametrize(
    "script", sorted((ROOT / "scripts").glob("make_*_docs.py")), ids=lambda path: path.stem
)
def test_written_page_is_current(script: Path) -> None:
    written = runpy.run_path(str(script))
    assert written["PAGE"].read_text(encoding="utf-8") == written["page"](), f"run: python {script}"


def test_every_command_is_documented() -> None:
    text = reference("commands")
    assert [words for words, _ in commands() if f"## {words}\n" not in text and " " in words] == []


def test_every_option_has_a_help_text() -> None:
    silent = [
        (words, parameter.name)
        for words, command in commands()
        for parameter in command.params
        if not parameter.help
    ]
    assert silent == []


def test_every_setting_is_documented() -> None:
    text = reference("settings")
    known = tomllib.loads((ROOT / ".dlt" / "secrets.toml.example").read_text(encoding="utf-8"))
    keys = {
        *known["sources"]["sage_accounting"],
        *re.findall(
            r"^# (\w+) =", (ROOT / ".dlt" / "config.toml").read_text("utf-8"), re.MULTILINE
        ),
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_every_resource_and_field_is_documented() -> None:
    text = reference("resources")
    fields = {field.removeprefix("$") for model in load_fields().values() for field in model}
    assert [name for name in (*load_catalogue(), *sorted(fields)) if f"`{name}`" not in text] == []


def test_every_table_and_column_is_documented() -> None:
    text = (DOCS / "schema.md").read_text(encoding="utf-8")
    for table in TABLES:
        _, _, section = text.partition(f"### {table.schema}.{table.name}\n")
        section = section.partition("\n## ")[0].partition("\n### ")[0]
        columns = duckdb_types(table.schema, table.name)
        assert [column for column in columns if f"| `{column}` |" not in section] == []


def test_every_rule_table_is_documented() -> None:
    text = reference("rules")
    assert [name for name in SCHEMAS if f"\n## {name}\n" not in text] == []


def test_every_page_of_the_site_is_reachable() -> None:
    """Sphinx says so too, but takes a minute longer to ask."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([\w/-]+)$", index, re.MULTILINE))
    found = {str(p.relative_to(DOCS).with_suffix("")) for p in pages() if p.is_relative_to(DOCS)}
    assert found - {"index"} - {name for name in found if name.startswith("decisions/")} <= listed
