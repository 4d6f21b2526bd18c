"""The benchmarks compare like with like."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_client import signed_in
from shell import User, new_user

from sage_sandbox.server import running_sandbox

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no installed package

from benchmarks import fetch, floor, read_json
from benchmarks.big_ledger import DAYS, FIRST_DAY, Ledger, debits
from benchmarks.contents import Contents, contents_of, differences
from benchmarks.pages import QUERIES


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """Somebody whose business has more than a page of entries, synced."""
    with running_sandbox(countries=["GB"], invoices=40) as sandbox:
        someone = new_user(tmp_path_factory.mktemp("user"), sandbox)
        someone.connect()
        someone.sync(*(word for name in QUERIES for word in ("--resource", name)))
        yield someone


@pytest.fixture(scope="module")
def synced(user: User, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    # a file called like its schema can not be opened as it is
    copy = tmp_path_factory.mktemp("copy") / "books.duckdb"
    copy.write_bytes(user.warehouse.read_bytes())
    return contents_of(copy)


def arguments(user: User) -> tuple[str, str, str]:
    api = signed_in(user.sandbox)
    api.http.close()
    token = str(api.http.headers["Authorization"]).removeprefix("Bearer ")
    return user.sandbox.urls["base_url"], token, api.business


def test_the_floor_makes_the_tables_of_a_sync(user: User, synced: Contents, tmp_path: Path) -> None:
    floor.main(*arguments(user), str(tmp_path))
    assert differences(synced, contents_of(tmp_path / "books.duckdb")) == []


def test_read_json_makes_the_tables_of_a_sync(user: User, synced: Contents, tmp_path: Path) -> None:
    read_json.main(*arguments(user), str(tmp_path))
    assert differences(synced, contents_of(tmp_path / "books.duckdb")) == []


def test_the_plain_fetch_asks_each_page_once(
    user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    user.sandbox.control("clear_requests")
    fetch.main(*arguments(user))
    asked = [
        (entry.path, entry.query)
        for entry in user.sandbox.state.request_log
        if entry.path != "/token"
    ]
    assert len(asked) == len(set(asked)) > len(QUERIES)


def numbers(ledger: Ledger, query: dict[str, str]) -> list[int]:
    """The entries that a reader finds, page by page."""
    found: list[int] = []
    page = 1
    while True:
        answer = json.loads(ledger.page({**query, "items_per_page": "7", "page": str(page)}))
        found += [int(item["id"], 16) for item in answer["$items"]]
        page += 1
        if answer["$next"] is None:
            assert len(found) == answer["$total"]
            return found


@given(entries=st.integers(2, 60), cut=st.integers(-10, DAYS + 10))
def test_slices_of_the_big_ledger_have_each_entry_once(entries: int, cut: int) -> None:
    day: date = FIRST_DAY + timedelta(days=cut)
    ledger = Ledger(entries)
    before = numbers(ledger, {"to_date": str(day)})
    after = numbers(ledger, {"from_date": str(day + timedelta(days=1))})
    assert before + after == list(range(entries))


@given(pairs=st.integers(1, 40))
def test_the_big_ledger_knows_the_sum_of_its_debits(pairs: int) -> None:
    answer = json.loads(Ledger(2 * pairs).page({"items_per_page": "200"}))
    cents = [round(item["debit"] * 100) for item in answer["$items"]]
    assert sum(cents) == debits(2 * pairs)
