"""What can go wrong in the transforms.

::

    UnifiedError
    ├── RuleTableError    a packaged rule table has a mistake: file, line and column
    ├── InputError        a frame or an argument is not what a function needs; nothing was computed
    ├── OverrideError     a tenant's override has a mistake: line and column
    └── BuildError        a table can not be made of the raw rows; no table was made

A doubtful record is no error: it comes out unmapped, unclassified or as a broken check, with its
reason. Every message is one paragraph: what happened, what it means for the data, what to do. No
message holds a customer's data. Every error has a code, which ``errors.csv`` explains.
"""

from __future__ import annotations


class UnifiedError(Exception):
    """The root of everything that this package raises on purpose."""

    error_code: str
    """Of ``errors.csv``: ``override-mistake``."""

    def __init__(self, message: str, *, error_code: str | None = None) -> None:
        super().__init__(message)
        if error_code is not None:
            self.error_code = error_code


class RuleTableError(UnifiedError):
    """A packaged rule table has a mistake, so nothing was classified with it."""

    error_code = "rule-table-mistake"

    def __init__(self, file: str, line: int, column: str, mistake: str) -> None:
        super().__init__(
            f"The rule table {file} has a mistake in line {line}, column {column}: {mistake}. "
            "Nothing was classified with it and what was computed before stands. Correct that cell; "
            "an unchanged installation is repaired by installing the package again."
        )
        self.file = file
        self.line = line
        self.column = column
        self.mistake = mistake


class OverrideError(UnifiedError):
    """A tenant's override has a mistake, so none of them was applied."""

    error_code = "override-mistake"

    def __init__(self, line: int, column: str, mistake: str) -> None:
        super().__init__(
            f"The overrides have a mistake in line {line}, column {column}: {mistake}. No table was "
            "changed; those that were built before stand. Correct that cell and run: sage-elt transform"
        )
        self.line = line
        self.column = column


class InputError(UnifiedError):
    """A frame lacks a column, or an argument has a value, that leaves nothing to compute."""

    error_code = "input-wrong"


class BuildError(UnifiedError):
    """Raw rows contradict what a table is made by: a key twice, an amount that no column holds."""

    error_code = "raw-rows-contradict"
