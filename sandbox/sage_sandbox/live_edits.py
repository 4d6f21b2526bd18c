"""Edits as data: what a user at Sage's own screens does while somebody reads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sage_sandbox.books import Books
from sage_sandbox.state import SandboxState
from sage_sandbox.store import Record

EDITS: Mapping[str, Callable[..., Record]] = {
    "add": Books.add,
    "add_invoice": Books.add_invoice,
    "add_payment": Books.add_payment,
    "change": Books.change,
    "change_document": Books.change_document,
    "create": Books.create,
    "delete": Books.delete,
    "drop_fields": Books.drop_fields,
    "undelete": Books.undelete,
    "void": Books.void,
}
"""By name; what each takes is what the method takes, ``id`` standing for ``record_id``."""


class EditError(Exception):
    """An edit that does not exist, lacks an argument, or that the books refuse."""


def carry_out(state: SandboxState, edit: Mapping[str, Any]) -> Record:
    """Carry out ``{"business", "op", …}``; ``at`` is now unless given. Gives the record afterwards.

    ``business`` may be left out where there is only one. Raises EditError.
    """
    arguments = dict(edit)
    op = arguments.pop("op", None)
    method = EDITS.get(str(op))
    if method is None:
        raise EditError(f"op is one of {', '.join(EDITS)}, not {op}")
    business = arguments.pop("business", None)
    if business is None and len(state.books) == 1:
        business = next(iter(state.books))
    books = state.books.get(str(business))
    if books is None:
        raise EditError(f"business is one of {', '.join(state.books)}, not {business}")
    if "id" in arguments:
        arguments["record_id"] = arguments.pop("id")
    arguments.setdefault("at", f"{state.clock:%Y-%m-%dT%H:%M:%SZ}")
    try:
        inspect.signature(method).bind(books, **arguments)
    except TypeError as error:
        raise EditError(f"{op}: {error}") from None
    try:
        return method(books, **arguments)
    except (KeyError, ValueError, StopIteration) as error:
        raise EditError(f"{op}: {type(error).__name__}: {error}") from error
