"""The sage-elt command line: one module a group of commands, which it registers when imported."""

from sage_elt.cli import connect, demo, export, push, status, sync
from sage_elt.cli.app import ExitCode, app, main

__all__ = ["ExitCode", "app", "connect", "demo", "export", "main", "push", "status", "sync"]
