"""A document in the unified vocabulary to the body that Sage takes: the rules read backwards.

Tax rates, accounts, contacts, items and open documents are the tenant's own, by the tables of the
unified schema on the document's date. Where several fit or none, the document is refused and the
candidates are listed: nothing is guessed.
"""

from sage_unified.mapping.books import RAW_BOOKS, UNIFIED_BOOKS, Books
from sage_unified.mapping.fields import Refusal
from sage_unified.mapping.types import RESOURCES, Mapped, map_document, unified_field

__all__ = [
    "RAW_BOOKS",
    "RESOURCES",
    "UNIFIED_BOOKS",
    "Books",
    "Mapped",
    "Refusal",
    "map_document",
    "unified_field",
]
