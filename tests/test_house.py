"""The walls of the house: who may import whom, what is installed, what a module may be called."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    # package: (folder, packages of ours that it may import)
    "sage_accounting": ("sources", set[str]()),
    "sage_unified": ("transforms", set[str]()),
    "sage_sandbox": ("sandbox", set[str]()),
    "sage_elt": ("pipelines", {"sage_accounting", "sage_unified", "sage_sandbox"}),
}
MODULES = [
    pytest.param(package, path, id=str(path.relative_to(ROOT)))
    for package, (folder, _) in MAY_IMPORT.items()
    for path in sorted((ROOT / folder / package).rglob("*.py"))
]


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a module imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_imports_follow_the_flow(package: str, path: Path) -> None:
    ours = imported(path) & set(MAY_IMPORT) - {package}
    assert ours <= MAY_IMPORT[package][1]


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_transforms_touch_no_file_network_or_clock(package: str, path: Path) -> None:
    if package == "sage_unified":
        assert not imported(path) & {"os", "pathlib", "socket", "httpx", "duckdb", "dlt", "time"}


@pytest.mark.parametrize(("package", "path"), MODULES)
def test_module_name_says_its_subject(package: str, path: Path) -> None:
    assert path.stem not in {
        "utils",
        "util",
        "helpers",
        "helper",
        "manager",
        "base",
        "common",
        "misc",
    }


def test_only_the_four_packages_are_installed() -> None:
    tops = {
        Path(str(file)).parts[0]
        for file in metadata.files("sage-elt") or ()
        if not str(file).startswith(("..", "sage_elt-", "_"))
    }
    assert not {"tests", "sources", "transforms", "pipelines", "sandbox", "docs"} & tops


def test_every_dependency_has_an_upper_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *(d for e in project["optional-dependencies"].values() for d in e),
    ]
    assert [dependency for dependency in listed if "<" not in dependency] == []


def test_lock_has_hashes_and_names_no_index() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if "==" in line and not line.startswith("#")]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    assert not [line for line in lines if "://" in line or line.startswith("--")]


def test_python_is_one_that_the_project_supports() -> None:
    assert (3, 11) <= sys.version_info[:2] <= (3, 13)
