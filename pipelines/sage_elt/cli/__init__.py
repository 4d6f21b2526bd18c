"""The sage-elt command line: one module a group of commands, which it adds when imported."""

from sage_elt.cli.app import application, main
from sage_elt.failures import ExitCode

__all__ = ["ExitCode", "application", "main"]
