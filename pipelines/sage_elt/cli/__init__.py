"""The sage-elt command line: one module a group of commands."""

from sage_elt.cli import connect, demo, status, sync  # noqa: F401 - they register their commands
from sage_elt.cli.app import ExitCode, app, main

__all__ = ["ExitCode", "app", "main"]
