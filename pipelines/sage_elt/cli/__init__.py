"""The sage-elt command line: one module a group of commands, which it registers when imported."""

from sage_elt.cli import connect, copy, demo, explain, export, push, report, status, sync
from sage_elt.cli.app import app, main
from sage_elt.failures import ExitCode

__all__ = [
    "ExitCode",
    "app",
    "connect",
    "copy",
    "demo",
    "explain",
    "export",
    "main",
    "push",
    "report",
    "status",
    "sync",
]
