"""Whatever goes wrong on the way, lists are read whole or not at all, and the others go on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import duckdb
import pytest
from one_request import QUICK, settings_for
from shell import PREFIX, Done, User, new_user

from sage_accounting.catalogue import load_catalogue
from sage_accounting.client import SageClient
from sage_accounting.decode import Decoder
from sage_accounting.errors import AccessTokenError, SageUnreachableError
from sage_accounting.extraction import Extraction, Job, Result
from sage_accounting.tokens import SageAuth, Vault, authorise, open_vault
from sage_sandbox.server import Sandbox, running_sandbox

ENTRIES = "ledger_entries"
"""More than one page of them."""
SMALL = ("currencies", "countries", "contacts", "products", "tax_rates", "bank_accounts")
PATIENCE_S = 30.0


class Sage:
    """A signed-in connection to a sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.settings = settings_for(sandbox)
        self.vault: Vault = open_vault(
            self.settings, destination=None, pipelines_dir=str(folder), in_own_process=False
        )
        authorise.sign_in_with_refresh_token(self.settings, self.vault, sandbox.authorise())
        self.businesses = list(sandbox.state.businesses)

    @contextmanager
    def extraction(self, concurrency: int = 4, **changes: Any) -> Iterator[Extraction]:
        settings = replace(self.settings, **changes)
        client = SageClient(settings, SageAuth(self.vault), retry=QUICK, folder=self.folder)
        extraction = Extraction(client, concurrency)
        yield extraction
        extraction.close()

    def read(self, resource: str = ENTRIES) -> Result:
        """The first business's list, read whole."""
        results: SimpleQueue[Result] = SimpleQueue()
        with self.extraction() as extraction:
            start(extraction, self.businesses[0], resource, results)
            return results.get(timeout=PATIENCE_S)

    def held(self, resource: str = ENTRIES) -> list[str]:
        return sorted(self.sandbox.state.businesses[self.businesses[0]].collections[resource].live)


def start(
    extraction: Extraction, business_id: str, resource: str, results: SimpleQueue[Result]
) -> None:
    collection = load_catalogue()[resource]
    extraction.start(Job(business_id, collection, None), Decoder(collection), results)


def read_ids(result: Result) -> list[str]:
    assert result.error is None, result.error
    assert result.found is not None
    return sorted(key for page in result.found.records.pages for key in page.ids.to_pylist())


@pytest.fixture(scope="module")
def sage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sage]:
    with running_sandbox(countries=("GB", "ES"), invoices=60, seed=4) as running:
        yield Sage(running, tmp_path_factory.mktemp("sage"))


@pytest.fixture(autouse=True)
def _without_faults(sage: Sage) -> Iterator[None]:
    yield
    sage.sandbox.control("clear_faults")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "retry_after": "seconds"},
        {"kind": "status", "status": 429, "retry_after": "date"},
        {"kind": "status", "status": 429, "retry_after": "none", "body": "html"},
        {"kind": "status", "status": 408},
        {"kind": "status", "status": 500, "body": "object"},
        {"kind": "status", "status": 502, "body": "html"},
        {"kind": "status", "status": 503, "retry_after": "date"},
        {"kind": "status", "status": 504, "body": "empty"},
        {"kind": "status", "status": 401},
        {"kind": "status", "status": 401, "body": "object"},
        {"kind": "status", "status": 401, "body": "html"},
        {"kind": "status", "status": 401, "body": "empty"},
        {"kind": "reset"},
        {"kind": "reset", "moment": "after"},
        {"kind": "truncate"},
        {"kind": "malform"},
        {"kind": "slow", "delay_ms": 300},
        {"kind": "then", "operations": [{"operation": "expire_access_tokens"}]},
    ],
    ids=lambda fault: "-".join(
        str(value) for value in fault.values() if not isinstance(value, list)
    ),
)
@pytest.mark.parametrize("nth", [1, 2], ids=["first page", "later page"])
def test_list_that_meets_a_passing_fault_is_read_whole(
    sage: Sage, fault: dict[str, Any], nth: int
) -> None:
    sage.sandbox.control("fault", path=f"/{ENTRIES}", nth=nth, **fault)
    assert read_ids(sage.read()) == sage.held()
    assert [f["hits"] for f in sage.sandbox.control("list_faults")["faults"]] == [1]


def test_token_that_expires_in_mid_list_costs_one_refresh(sage: Sage) -> None:
    before = sage.sandbox.control("stats")["refreshes"]
    expire = [{"operation": "expire_access_tokens"}]
    sage.sandbox.control("fault", kind="then", path=f"/{ENTRIES}", operations=expire)
    sage.read()
    assert sage.sandbox.control("stats")["refreshes"] == before + 1


def test_401_that_stays_costs_one_refresh_and_fails_its_list_alone(sage: Sage) -> None:
    before = sage.sandbox.control("stats")["refreshes"]
    sage.sandbox.control(
        "fault", kind="status", status=401, body="object", path=f"/{ENTRIES}", count=None
    )
    assert isinstance(sage.read().error, AccessTokenError)
    assert sage.sandbox.control("stats")["refreshes"] == before + 1
    assert read_ids(sage.read("contacts")) == sage.held("contacts")


def test_business_that_has_to_wait_keeps_no_thread_from_another(sage: Sage) -> None:
    waiting, other = sage.businesses
    sage.sandbox.control(
        "fault", kind="status", status=429, retry_after="seconds", retry_after_s=200,
        business=waiting, count=None,
    )  # fmt: skip
    results: SimpleQueue[Result] = SimpleQueue()
    with sage.extraction(concurrency=2) as extraction:
        for business_id in (waiting, other):
            for resource in SMALL:
                start(extraction, business_id, resource, results)
        done = [results.get(timeout=PATIENCE_S) for _ in SMALL]
        assert {result.job.business_id for result in done} == {other}
        with pytest.raises(Empty):
            results.get_nowait()


def test_extraction_ends_at_once_although_somebody_still_waits(sage: Sage) -> None:
    sage.sandbox.control(
        "fault", kind="status", status=429, retry_after="seconds", retry_after_s=200, count=None
    )
    with sage.extraction() as extraction:
        start(extraction, sage.businesses[0], ENTRIES, SimpleQueue())
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE_S


def test_unreachable_host_fails_all_lists_with_the_same_words_after_one_has_tried(
    sage: Sage,
) -> None:
    results: SimpleQueue[Result] = SimpleQueue()
    with sage.extraction(base_url="http://127.0.0.1:9/v3.1") as extraction:
        for business_id in sage.businesses:
            for resource in SMALL:
                start(extraction, business_id, resource, results)
        ended = [results.get(timeout=PATIENCE_S) for _ in range(2 * len(SMALL))]
    assert {type(result.error) for result in ended} == {SageUnreachableError}
    assert len({str(result.error) for result in ended}) == 1
    sent = {(r.job.business_id, r.job.collection.name): r.requests for r in ended}
    assert sum(sent.values()) < QUICK.attempts * len(ended)


# --- as somebody at a shell sees it


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """Signed in, with two businesses that nobody else uses."""
    with running_sandbox(countries=("GB", "ES"), invoices=10, seed=6) as running:
        somebody = new_user(tmp_path / "user", running)
        somebody.connect()
        yield somebody


def sync(user: User, **settings: str) -> tuple[Done, dict[str, Any]]:
    """A sync of the small lists, one request each."""
    names = [part for name in SMALL for part in ("--resource", name)]
    done = user.run("sync", "--json", *names, **settings)
    return done, json.loads(done.stdout)["businesses"]


def statuses(business: dict[str, Any]) -> list[str]:
    return sorted(resource["status"] for resource in business["resources"].values())


def assert_whole(user: User) -> None:
    with duckdb.connect(str(user.warehouse), read_only=True) as connection:
        for name in SMALL:
            rows = connection.execute(
                f"SELECT business_id, id FROM sage.sage.{name} ORDER BY ALL"
            ).fetchall()
            held = user.sandbox.state.businesses.values()
            assert rows == sorted((b.id, key) for b in held for key in b.collections[name].live)


def test_day_budget_stops_cleanly_and_the_next_run_completes(user: User) -> None:
    done, businesses = sync(user, **{PREFIX + "REQUESTS_PER_DAY": "4"})
    assert done.returncode == 4
    for business_id, business in businesses.items():
        assert statuses(business) == ["failed"] * 2 + ["ok"] * 4
        assert done.stderr.count(f"requests for business {business_id} is used up") == 1
    done, businesses = sync(user)
    assert done.returncode == 0
    assert_whole(user)


def test_day_that_was_used_up_before_stops_the_run_as_cleanly(user: User) -> None:
    day = {PREFIX + "REQUESTS_PER_DAY": "4"}
    sync(user, **day)
    user.sandbox.control("clear_requests")
    done, businesses = sync(user, **day)
    assert done.returncode == 4
    assert all(statuses(business) == ["failed"] * 6 for business in businesses.values())
    assert [e for e in user.sandbox.state.request_log if e.business] == []


def test_what_the_day_left_out_is_read_first_the_next_day(user: User) -> None:
    read: list[str] = []
    for day in (2, 4, 6):  # two more each time, as if a day had passed
        budget = {PREFIX + "REQUESTS_PER_DAY": str(day), PREFIX + "CONCURRENCY": "1"}
        business = next(iter(sync(user, **budget)[1].values()))["resources"]
        read += [name for name, resource in business.items() if resource["status"] == "ok"]
    assert sorted(read) == sorted(SMALL)


def test_day_limit_of_sage_stops_its_business_alone_and_the_next_run_completes(user: User) -> None:
    first, second = user.sandbox.state.businesses
    user.sandbox.control(
        "fault", kind="status", status=429, retry_after="seconds", retry_after_s=40_000,
        business=first, nth=2, count=None,
    )  # fmt: skip
    done, businesses = sync(user)
    assert done.returncode == 4
    assert done.stderr.count("a day's limit") == 1
    assert (businesses[first]["status"], businesses[second]["status"]) == ("partial", "ok")
    user.sandbox.control("clear_faults")
    assert sync(user)[0].returncode == 0
    assert_whole(user)


def test_ended_subscription_is_told_once_and_the_run_after_its_renewal_completes(
    user: User,
) -> None:
    first, second = user.sandbox.state.businesses
    user.sandbox.control("subscription", business=first, active=False)
    done, businesses = sync(user)
    assert done.returncode == 4
    assert done.stderr.count("no active subscription") == 1
    assert (statuses(businesses[first]), businesses[second]["status"]) == (["failed"] * 6, "ok")
    user.sandbox.control("subscription", business=first, active=True)
    assert sync(user)[0].returncode == 0
    assert_whole(user)


@pytest.mark.parametrize("status", [403, 404])
def test_list_that_is_not_offered_just_now_is_complete_when_it_is_again(
    user: User, status: int
) -> None:
    user.sandbox.control("fault", kind="status", status=status, path="/products", count=None)
    done, businesses = sync(user)
    assert done.returncode == 0
    assert all(statuses(b) == ["ok"] * 5 + ["unavailable"] for b in businesses.values())
    user.sandbox.control("clear_faults")
    sync(user)
    assert_whole(user)


def test_list_that_stays_unavailable_is_told_of_once(user: User) -> None:
    user.sandbox.control("fault", kind="status", status=403, path="/products", count=None)
    told = [sync(user)[0].stderr.count("does not offer products") for _ in range(2)]
    assert told == [len(user.sandbox.state.businesses), 0]


def test_lead_business_that_changes_between_requests_mixes_nothing(user: User) -> None:
    first, second = user.sandbox.state.businesses
    for nth, lead in enumerate((second, first, second, first), start=1):
        change = [{"operation": "lead", "business": lead}]
        user.sandbox.control("fault", kind="then", nth=3 * nth, operations=change)
    assert sync(user)[0].returncode == 0
    assert user.sandbox.control("stats")["answered_for_lead"] == 0
    assert_whole(user)


def test_pool_that_takes_no_more_tasks_ends_a_job_with_an_error(sage: Sage) -> None:
    results: SimpleQueue[Result] = SimpleQueue()
    with sage.extraction(concurrency=1) as extraction:
        gate = threading.Event()
        extraction._pool.submit(gate.wait)
        start(extraction, sage.businesses[0], ENTRIES, results)
        extraction._pool.shutdown(wait=False)
        gate.set()
        assert isinstance(results.get(timeout=PATIENCE_S).error, RuntimeError)
