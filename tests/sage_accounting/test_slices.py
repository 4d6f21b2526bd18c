"""Very large lists in slices of dates: nothing left out, nothing twice, few requests, resumable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sage_accounting.cursors import Backfill
from sage_accounting.decode import NO_ITEMS, Page
from sage_accounting.errors import Place
from sage_accounting.slices import SLICE, Slice, next_slice

TODAY = date(2026, 6, 30)
Days = Counter[date]


def count_in(days: Days, query: dict[str, str]) -> int:
    first = date.fromisoformat(query.get("from_date", "0001-01-01"))
    last = date.fromisoformat(query.get("to_date", "9999-12-31"))
    return sum(count for day, count in days.items() if first <= day <= last)


def slices_of(days: Days) -> Iterator[tuple[Slice, int, int]]:
    """Slice, its records and the requests that found it, as a reader goes through them."""
    backfill = Backfill(sum(days.values()))
    while True:
        steps, requests, page = next_slice(backfill, TODAY), 0, None
        try:
            while True:
                (query,) = steps.send(page)  # type: ignore[arg-type]  # None starts a generator
                requests += 1
                page = [page_with(count_in(days, dict(query)))]
        except StopIteration as stop:
            part: Slice = stop.value
        count = count_in(days, dict(part.filters))
        yield part, count, requests
        backfill = backfill.after(count, part.last)
        if part.last is None:
            return


def page_with(total: int) -> Page:
    ids = NO_ITEMS.cast(NO_ITEMS.type)
    return Page(ids, ids, 0, total, 1, False, 1, datetime.now(UTC), b"", Place("ledger_entries"))


def days(**kwargs: int) -> st.SearchStrategy[Days]:
    day = st.dates(date(1985, 1, 1), date(2030, 1, 1))
    return st.dictionaries(day, st.integers(1, 200_000), **kwargs).map(Counter)


@given(days(min_size=1, max_size=40))
def test_every_record_is_in_exactly_one_slice(books: Days) -> None:
    parts = [part for part, _, _ in slices_of(books)]
    assert parts[0].first is None
    assert parts[-1].last is None
    for one, following in pairwise(parts):
        assert one.last is not None
        assert following.first == one.last + timedelta(days=1)
    assert sum(count_in(books, dict(part.filters)) for part in parts) == sum(books.values())


@given(days(min_size=1, max_size=40))
def test_slice_is_larger_than_the_limit_only_when_one_day_is(books: Days) -> None:
    for part, count, _ in slices_of(books):
        start = part.first or date(1, 1, 1)
        inside = [n for day, n in books.items() if start <= day <= (part.last or date.max)]
        in_future = part.last is None
        assert count <= SLICE or max(inside) > SLICE // 2 or in_future


def test_finding_the_slices_of_evenly_spread_books_costs_less_than_one_request_in_fifty() -> None:
    books = Counter({TODAY - timedelta(days=back): 2_000 for back in range(5 * 365)})
    found = list(slices_of(books))
    pages = sum(-(-count // 200) for _, count, _ in found)
    assert sum(requests for _, _, requests in found) < pages / 50


def test_a_day_with_more_than_a_slice_is_one_slice() -> None:
    books = Counter({date(2026, 1, 1): 300_000, date(2026, 1, 2): 10})
    assert max(count for _, count, _ in slices_of(books)) in (300_000, 300_010)
