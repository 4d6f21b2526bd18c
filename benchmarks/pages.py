"""The pages of the lists that are compared, as plain scripts get them: httpx in threads.

``lists.json`` says which fields their records have and of which kind: what a person would write into a
script by hand. It was written down from what the sandbox serves; a contender whose tables differ in a
column or its type fails the run.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx

THREADS = 16
PAGE_SIZE = 200
DOCUMENTS = {"show_payments_allocations": "true", "sort": "created_at:asc"}
QUERIES: Mapping[str, Mapping[str, str]] = {
    "sales_invoices": DOCUMENTS,
    "purchase_invoices": DOCUMENTS,
    "ledger_entries": {},
}
"""Lists that are compared, and their parameters beside ``attributes=all`` and the page."""

Shape: TypeAlias = "str | list[Shape] | dict[str, Shape]"
"""Kind of a value, of a list's elements, or of each field."""


def shapes() -> dict[str, dict[str, Shape]]:
    """The fields of each list's records."""
    text = Path(__file__).with_name("lists.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Shape]] = json.loads(text)
    return found


@dataclass(frozen=True)
class Api:
    """A signed-in user's view of one business."""

    base_url: str
    token: str
    business: str


class Fetcher:
    """Fetches in threads, each with a connection of its own; a context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._own = threading.local()
        self._context = httpx.create_ssl_context()  # loaded once, not by each client
        self._pool = ThreadPoolExecutor(THREADS, initializer=self._connect)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def _connect(self) -> None:
        headers = {
            "Authorization": f"Bearer {self._api.token}",
            "X-Business": self._api.business,
        }
        self._own.http = httpx.Client(
            base_url=self._api.base_url, headers=headers, verify=self._context, timeout=60
        )

    def _get(self, target: str) -> bytes:
        http: httpx.Client = self._own.http
        return http.get(target).raise_for_status().content

    def get(self, target: str) -> Future[bytes]:
        """The body of an answer, under way."""
        return self._pool.submit(self._get, target)

    def lists(self) -> dict[str, list[Future[bytes]]]:
        """Every page of every list, under way, in order."""
        first = {name: self.get(page_of(name, 1)) for name in QUERIES}
        found = {}
        for name, one in first.items():
            total = total_of(one.result())
            numbers = range(2, -(-total // PAGE_SIZE) + 1)
            found[name] = [one, *(self.get(page_of(name, number)) for number in numbers)]
        return found


def page_of(name: str, number: int) -> str:
    """Path and query of a page."""
    query = {"attributes": "all", **QUERIES[name], "items_per_page": str(PAGE_SIZE)}
    return f"/{name}?{httpx.QueryParams({**query, 'page': str(number)})}"


def total_of(body: bytes) -> int:
    """``$total`` of a page."""
    found = re.search(rb'"\$total"\s*:\s*(\d+)', body)
    assert found is not None
    return int(found[1])


def batches(pages: Sequence[Future[bytes]], size: int) -> Iterator[list[bytes]]:
    """Bodies in order, so many at a time; each is let go once it was taken."""
    left = list(reversed(pages))
    while left:
        yield [left.pop().result() for _ in range(min(size, len(left)))]
