"""Writes docs/errors.md from the catalogue of errors: ``python scripts/make_error_docs.py``.

A test holds that the page is current.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sage_elt.error_catalogue import Entry, catalogue

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "errors.md"

_HEAD: Final = """\
# Errors

Written by `scripts/make_error_docs.py` from the `errors.csv` of each package, not by hand.

What goes wrong ends in one paragraph on stderr: what happened, what it means for the data, what to do; and then
its code. The code stays the same from version to version, so a log can be searched for it and an alert can rest on
it. It is in `error_code` of each line that `sage-elt --log-json` writes and of each row of `sage._runs`, at the end
of each `error` that `sync --json` gives, and in what a command with `--json` writes when it fails as a whole:
`{"status": "failed", "error": {"code", "message", "docs"}}`.

`sage-elt explain CODE` shows an entry of this page at the shell.
"""
_GROUPS: Final = {
    "sage_accounting": "Between Sage and the warehouse",
    "sage_elt": "The warehouse and the command",
    "sage_unified": "Transforms and exports",
}


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for layer, title in _GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_section(entry) for entry in catalogue().values() if entry.layer == layer]
    return "\n".join(parts)


def _section(entry: Entry) -> str:
    return f"### {entry.code}\n\n{entry.cause}\n\n**What to do.** {entry.remedy}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
