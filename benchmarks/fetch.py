"""The least: every page of the lists fetched, and its bytes thrown away.

    python -m benchmarks.fetch BASE_URL TOKEN BUSINESS_ID [FILE]

With FILE, the targets are its lines ``BUSINESS_ID TARGET`` instead (``-`` for no business).
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.pages import THREADS, Api, Fetcher


def main(base_url: str, token: str, business: str, targets: str = "") -> None:
    if targets:
        fetch_targets(base_url, token, Path(targets))
        return
    with Fetcher(Api(base_url, token, business)) as fetcher:
        size = sum(len(page.result()) for pages in fetcher.lists().values() for page in pages)
    print(size)


def fetch_targets(base_url: str, token: str, file: Path) -> None:
    """Each target once, with the parallelism of a sync."""
    context = httpx.create_ssl_context()
    own = threading.local()

    def connect() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        own.http = httpx.Client(base_url=base_url, headers=headers, verify=context, timeout=60)

    def size_of(line: str) -> int:
        business, target = line.split(" ", 1)
        headers = {} if business == "-" else {"X-Business": business}
        # an answer that is no list (403, 404) is an answer too
        answer: httpx.Response = own.http.get(target, headers=headers)
        return len(answer.content)

    with ThreadPoolExecutor(THREADS, initializer=connect) as pool:
        print(sum(pool.map(size_of, file.read_text(encoding="utf-8").splitlines())))


if __name__ == "__main__":
    main(*sys.argv[1:])
