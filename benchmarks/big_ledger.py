"""A server with one business that has any number of ledger entries, none of them stored.

    python -m benchmarks.big_ledger ENTRIES

Entry ``n`` follows from ``n`` alone: its id, its amounts, and its date, which goes from 2016 to 2025 as
``n`` grows, so a filter by date is a range of numbers. A page of 200 is one ``%`` of a template: 0.3 ms.
The list answers ``page``, ``items_per_page``, ``from_date``, ``to_date`` and ``updated_or_created_since``;
entries were last updated at noon of their date. Tokens are given to everybody and never looked at.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit

from benchmarks.plain_http import Answer, Call, serve

BUSINESS = "b1600000000000000000000000000001"
FIRST_DAY = date(2016, 1, 1)
DAYS = 3650
CENTS = 99_991
"""Amounts repeat after so many entries; a prime, so that pages differ."""

ENTRY = (
    b'{"id":"%032x","displayed_as":"Sales invoice SI-%d","$path":"/ledger_entries/%032x",'
    b'"created_at":"%sT12:00:00Z","updated_at":"%sT12:00:00Z","date":"%s","credit":%s,"debit":%s,'
    b'"ledger_account":{"id":"9e32cfc50276ca614ae4faa23605%04x","displayed_as":"Sales (%04d)",'
    b'"$path":"/ledger_accounts/9e32cfc50276ca614ae4faa23605%04x"},"transaction":{"id":"%032x",'
    b'"displayed_as":"Sales invoice SI-%d","$path":"/transactions/%032x"},"contact":null,'
    b'"deleted":false,"tax_rate":null,"description":"Sales invoice SI-%d","journal_code":null}'
)


class Ledger:
    """The entries 0 to ``entries`` - 1, two to each transaction: debit, then credit."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._days = [
            str(FIRST_DAY + timedelta(days=day)).encode() for day in range(DAYS)
        ]  # text of each date

    def page(self, query: dict[str, str]) -> bytes:
        low, high = self._range(query)
        total, size = high - low, int(query.get("items_per_page", "20"))
        last = max(1, -(-total // size))
        number = min(int(query.get("page", "1")), last)  # past the end is the last page again
        start = low + (number - 1) * size
        items = b",".join(map(self._entry, range(start, min(start + size, high))))
        following = b'"/ledger_entries?page=%d"' % (number + 1) if number < last else b"null"
        return (
            b'{"$total":%d,"$page":%d,"$next":%s,"$back":null,"$itemsPerPage":%d,"$items":[%s]}'
            % (total, number, following, size, items)
        )

    def _range(self, query: dict[str, str]) -> tuple[int, int]:
        """The first entry that passes the filters, and the first after it that does not."""
        low, high = 0, self._entries
        if "from_date" in query:
            low = max(low, self._first_of(date.fromisoformat(query["from_date"])))
        if "updated_or_created_since" in query:  # up to half a day too many is no harm
            low = max(
                low, self._first_of(date.fromisoformat(query["updated_or_created_since"][:10]))
            )
        if "to_date" in query:
            next_day = date.fromisoformat(query["to_date"]) + timedelta(days=1)
            high = min(high, self._first_of(next_day))
        return low, max(low, high)

    def _first_of(self, day: date) -> int:
        """The number of the first entry of a day or later."""
        days = min(max((day - FIRST_DAY).days, 0), DAYS)
        return -(-days * self._entries // DAYS)

    def _entry(self, n: int) -> bytes:
        day = self._days[n * DAYS // self._entries]
        sale, account = n // 2, n % 97
        amount = b"%d.%02d" % divmod(sale % CENTS + 1, 100)
        credit, debit = (amount, b"0.00") if n % 2 else (b"0.00", amount)
        return ENTRY % (
            n, sale, n, day, day, day, credit, debit, account, account, account, sale, sale, sale, sale,
        )  # fmt: skip


def debits(entries: int) -> int:
    """The sum of all debits, in cents; entries come in pairs."""
    whole, rest = divmod(entries // 2, CENTS)
    return whole * CENTS * (CENTS + 1) // 2 + rest * (rest + 1) // 2


class Sage:
    """As much of Sage as a sync of one list needs."""

    def __init__(self, entries: int) -> None:
        self._ledger = Ledger(entries)
        self._tokens = 0

    async def answer(self, call: Call) -> Answer:
        url = urlsplit(call.target)
        if url.path == "/ledger_entries":
            return Answer(200, self._ledger.page(dict(parse_qsl(url.query))))
        if url.path == "/token":
            self._tokens += 1
            grant = {"access_token": f"access-{self._tokens}", "token_type": "bearer"}
            grant |= {"refresh_token": f"refresh-{self._tokens}", "scope": "full_access"}
            return _json(**grant, expires_in=36_000, refresh_token_expires_in=2_678_400)
        if url.path == "/_control/authorise":
            return _json(**{"refresh_token": "refresh-0"})
        if url.path == "/_control/businesses":
            return _json(businesses=[{"id": BUSINESS}])
        record = {"id": BUSINESS, "name": "Big Ledger Ltd", "country": {"id": "GB"}}
        if url.path == "/businesses":
            return _json(**{"$total": 1, "$page": 1, "$next": None, "$items": [record]})
        if url.path.startswith("/businesses/"):
            return _json(**record)
        return Answer(404, b'[{"$dataCode":"RecordNotFound"}]')


def _json(**fields: object) -> Answer:
    return Answer(200, json.dumps(fields).encode())


if __name__ == "__main__":
    asyncio.run(serve(Sage(int(sys.argv[1])).answer))
