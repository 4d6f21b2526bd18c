"""Faults on request, over real connections."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from sandbox_client import Api, codes, refresh

from sage_sandbox.control import ControlError
from sage_sandbox.server import Sandbox


def statuses(api: Api, path: str, times: int, **params: Any) -> list[int]:
    return [api.get(path, **params).status_code for _ in range(times)]


# --- what goes wrong


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_status_is_the_one_asked_for(api: Api, status: int) -> None:
    api.sandbox.control("fault", kind="status", status=status)
    assert statuses(api, "/contacts", 2) == [status, 200]


def test_body_is_an_error_array_unless_told(api: Api) -> None:
    api.sandbox.control("fault", kind="status", status=403)
    assert codes(api.get("/contacts")) == (403, "MultiUserAccessDenied", [""])


def test_body_can_be_an_object_html_or_nothing(api: Api) -> None:
    for body in ("object", "html", "empty"):
        api.sandbox.control("fault", kind="status", status=502, body=body)
    assert api.get("/contacts").json() == {"error": "status 502"}
    page = api.get("/contacts")
    assert page.headers["content-type"] == "text/html"
    assert page.text.startswith("<html>")
    assert api.get("/contacts").content == b""


def test_retry_after_comes_in_seconds_as_a_date_or_not_at_all(api: Api) -> None:
    for form in ("seconds", "date", "none"):
        api.sandbox.control("fault", kind="status", status=429, retry_after=form, retry_after_s=30)
    assert api.get("/contacts").headers["retry-after"] == "30"
    dated = api.get("/contacts").headers
    waited = parsedate_to_datetime(dated["retry-after"]) - parsedate_to_datetime(dated["date"])
    assert 29 <= waited.total_seconds() <= 31
    assert "retry-after" not in api.get("/contacts").headers


def test_reset_is_no_answer_at_all(api: Api) -> None:
    api.sandbox.control("fault", kind="reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        api.get("/contacts")
    (entry,) = api.sandbox.state.request_log[-1:]
    assert (entry.fault, entry.status) == ("reset", None)
    assert api.get("/contacts").status_code == 200


@pytest.mark.parametrize(("moment", "created"), [("before", 0), ("after", 1)])
def test_reset_strikes_before_or_after_the_call_is_carried_out(
    api: Api, moment: str, created: int
) -> None:
    before = len(api.held("service_rate_types"))
    api.sandbox.control("fault", kind="reset", method="POST", moment=moment)
    body = {"service_rate_type": {"name": "Hourly", "active": True}}
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        api.http.post("/service_rate_types", json=body)
    assert len(api.held("service_rate_types")) == before + created


def test_truncated_body_is_shorter_than_it_says(api: Api) -> None:
    api.sandbox.control("fault", kind="truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/contacts", attributes="all")


def test_malformed_body_is_whole_and_no_json(api: Api) -> None:
    api.sandbox.control("fault", kind="malform")
    answer = api.get("/contacts", attributes="all")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_slow_answer_is_late_and_right(api: Api) -> None:
    api.sandbox.control("fault", kind="slow", delay_ms=80)
    started = time.monotonic()
    assert api.get("/contacts").status_code == 200
    assert time.monotonic() - started >= 0.08


def test_list_moves_between_two_pages(api: Api) -> None:
    edit = {"operation": "edit", "op": "delete", "business": api.business}
    edit |= {"resource": "sales_quotes", "id": next(iter(api.held("sales_quotes")))}
    api.sandbox.control("fault", kind="then", path="/sales_quotes", operations=[edit])
    total = api.json("/sales_quotes", items_per_page=1)["$total"]
    assert api.json("/sales_quotes", items_per_page=1, page=2)["$total"] == total - 1


def test_tokens_expire_between_two_pages(api: Api) -> None:
    expire = {"operation": "expire_access_tokens"}
    api.sandbox.control("fault", kind="then", query={"page": "1"}, operations=[expire])
    assert api.get("/contacts", page=1).status_code == 200
    assert api.get("/contacts", page=2).status_code == 401


# --- which calls it hits


def test_fault_hits_only_its_path_method_business_and_query(api: Api, spanish: Api) -> None:
    api.sandbox.control(
        "fault", kind="status", path="/contacts*", method="GET", business=api.business,
        query={"page": "2"}, count=None,
    )  # fmt: skip
    assert api.get("/currencies", page=2).status_code == 200
    assert api.get("/contacts", page=1).status_code == 200
    assert spanish.get("/contacts", page=2).status_code == 200
    assert api.get("/contacts", page=2).status_code == 503


def test_fault_begins_at_the_nth_call_and_ends_after_its_count(api: Api) -> None:
    api.sandbox.control("fault", kind="status", path="/contacts", nth=2, count=2)
    assert statuses(api, "/contacts", 5) == [200, 503, 503, 200, 200]


def test_fault_without_count_lasts_until_cleared(api: Api) -> None:
    api.sandbox.control("fault", kind="status", status=404, path="/journals", count=None)
    assert statuses(api, "/journals", 4) == [404] * 4
    api.sandbox.control("clear_faults")
    assert statuses(api, "/journals", 1) == [200]


def test_fault_by_chance_repeats_with_its_seed(api: Api) -> None:
    seen = []
    for _ in range(2):
        api.sandbox.control("clear_faults")
        api.sandbox.control("fault", kind="status", count=None, probability=0.5, seed=4)
        seen.append(statuses(api, "/currencies", 20))
    assert seen[0] == seen[1]
    assert set(seen[0]) == {200, 503}


@pytest.mark.parametrize("wrong", [{"kind": "flood"}, {"kind": "slow", "hits": 1}, {}])
def test_fault_that_cannot_be_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        sandbox.control("fault", **wrong)


# --- the token endpoint


def test_token_endpoint_that_fails_first_burns_no_token(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    sandbox.control("fault", kind="status", status=503, path="/token", body="html")
    assert refresh(sandbox, token).status_code == 503
    assert refresh(sandbox, token).status_code == 200


def test_lost_answer_burns_the_token(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    sandbox.control("fault", kind="reset", path="/token", moment="after")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        refresh(sandbox, token)
    assert refresh(sandbox, token).status_code == 400


def test_connection_cut_before_rotation_burns_no_token(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    sandbox.control("fault", kind="reset", path="/token")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        refresh(sandbox, token)
    assert refresh(sandbox, token).status_code == 200
