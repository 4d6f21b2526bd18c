"""Tie-outs: what must be equal in sound books, as values with a place.

Each check compares amounts by business and subject (a transaction, a contact, a month). What differs is
a row ``broken`` with what was expected, what was found and where to look; a business in which nothing
differs has one row ``ok`` with the totals; one in which something needed was not loaded, a row
``missing`` that names it.
"""

from sage_unified.checks.run import check, checked_columns

__all__ = ["check", "checked_columns"]
