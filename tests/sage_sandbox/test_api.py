"""Who may ask for what: tokens, businesses, paths and methods."""

from __future__ import annotations

import httpx
import pytest
from sandbox_client import Api, codes, refresh, signed_in

from sage_sandbox.server import Sandbox

MISSING = (
    "Authorization missing. Please, add an authorization token at the 'Authorization' HTTP header."
)


def without(api: Api, *headers: str) -> dict[str, str]:
    return {n: v for n, v in api.http.headers.items() if n not in (*headers, "accept")}


def plain(api: Api, path: str, headers: dict[str, str]) -> httpx.Response:
    api.http.headers.clear()
    return api.http.get(path, headers=headers)


# --- tokens


def test_request_without_a_token_gets_an_object(api: Api) -> None:
    answer = plain(api, "/contacts", without(api, "authorization"))
    assert (answer.status_code, answer.json()) == (401, {"error": MISSING})


@pytest.mark.parametrize("header", ["Bearer abc", "Basic abc", "Bearer"])
def test_malformed_token_gets_an_array(api: Api, header: str) -> None:
    answer = plain(api, "/contacts", {"Authorization": header})
    assert codes(answer) == (401, "AccessTokenVerificationError", ["Authorization"])


def test_token_is_judged_before_the_path(api: Api) -> None:
    assert plain(api, "/nothing", {"Authorization": "Bearer abc"}).status_code == 401


def test_expired_token_gets_an_array(api: Api) -> None:
    api.sandbox.control("expire_access_tokens")
    assert codes(api.get("/contacts"))[:2] == (401, "AccessTokenVerificationError")


def test_refresh_token_is_no_access_token(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.sandbox.authorise()}"}
    assert plain(api, "/contacts", headers).status_code == 401


def test_readonly_scope_reads_but_does_not_write(sandbox: Sandbox, api: Api) -> None:
    token = sandbox.control("authorise", scope="readonly")["refresh_token"]
    access = refresh(sandbox, token).json()["access_token"]
    api.http.headers["Authorization"] = f"Bearer {access}"
    assert api.get("/contacts").status_code == 200
    refused = api.http.post("/service_rate_types", json={})
    assert codes(refused)[:2] == (403, "MultiUserAccessDenied")


# --- businesses


def test_businesses_come_on_one_page_in_snake_case(api: Api) -> None:
    page = api.json("/businesses")
    assert list(page)[4] == "$items_per_page"
    assert page["$items_per_page"] == 2147483647
    assert [item["id"] for item in page["$items"]] == list(api.sandbox.state.businesses)


def test_businesses_show_what_is_asked_for(api: Api) -> None:
    (first, *_) = api.json("/businesses")["$items"]
    assert set(first) == {"id", "displayed_as", "$path"}
    (first, *_) = api.json("/businesses", attributes="all")["$items"]
    assert first == next(iter(api.sandbox.state.businesses.values())).record


def test_lead_is_the_id_of_a_business(api: Api, spanish: Api) -> None:
    api.sandbox.control("lead", business=spanish.business)
    assert api.json("/businesses/lead") == api.json(f"/businesses/{spanish.business}")


def test_user_is_served_without_a_business(api: Api) -> None:
    del api.http.headers["X-Business"]
    assert api.json("/user")["email"] == "owner@sandbox.example"


def test_request_without_a_business_is_answered_for_the_lead(api: Api, spanish: Api) -> None:
    expected = spanish.ids("/contacts")
    api.sandbox.control("lead", business=spanish.business)
    del api.http.headers["X-Business"]
    assert api.ids("/contacts") == expected


def test_only_requests_answered_for_the_lead_are_logged_as_such(api: Api) -> None:
    api.get("/contacts")
    del api.http.headers["X-Business"]
    for path in ("/businesses", "/businesses/lead", "/user", "/contacts"):
        api.get(path)
    log = api.sandbox.state.request_log
    assert [e.path for e in log if e.answered_for_lead] == ["/v3.1/contacts"]


def test_business_of_somebody_else_is_refused(sandbox: Sandbox, spanish: Api) -> None:
    user = sandbox.control("add_user", businesses=[spanish.business])["user"]
    stranger = signed_in(sandbox, "GB", user)
    with stranger.http:
        assert codes(stranger.get("/contacts"))[:2] == (403, "MultiUserAccessDenied")
        seen = stranger.json("/businesses")["$items"]
        assert [item["id"] for item in seen] == [spanish.business]


def test_unknown_business_is_refused(api: Api) -> None:
    api.http.headers["X-Business"] = "f" * 32
    assert codes(api.get("/contacts"))[:2] == (403, "MultiUserAccessDenied")


def test_ended_subscription_is_no_token_problem(api: Api, spanish: Api) -> None:
    api.sandbox.control("subscription", business=api.business, active=False)
    assert codes(api.get("/contacts"))[:2] == (401, "AuthorizationFailure")
    assert spanish.get("/contacts").status_code == 200
    assert api.json(f"/businesses/{api.business}")["subscriptions"][0]["active"] is False


# --- paths and methods


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/contacts/nobody",
        "/contacts/a/b",
        "/journal_codes",  # France only
        "/business_settings/1",
        "/tax_determinations/1",
        "/user/1",
        "/businesses/nobody",
        "/attachments/nothing/file",
        "/",
    ],
)
def test_what_does_not_exist_is_an_array_404(api: Api, path: str) -> None:
    assert codes(api.get(path))[:2] == (404, "RecordNotFound")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/currencies"),
        ("PUT", "/contacts"),
        ("DELETE", "/contacts"),
        ("DELETE", "/ledger_accounts/1"),
        ("PATCH", "/contacts/1"),
        ("POST", "/businesses"),
    ],
)
def test_method_that_is_not_offered_is_refused(api: Api, method: str, path: str) -> None:
    assert codes(api.http.request(method, path))[:2] == (405, "MethodNotAllowed")


def test_attachment_has_a_file(api: Api) -> None:
    key, record = next(iter(api.held("attachments").items()))
    answer = api.get(f"/attachments/{key}/file")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.text == record["file_name"]


def test_every_answer_has_its_own_request_id_and_a_date(api: Api) -> None:
    answers = [api.get("/contacts"), api.get("/nothing"), api.http.post("/currencies")]
    assert len({answer.headers["x_request_id"] for answer in answers}) == 3
    assert all(answer.headers["date"].endswith("GMT") for answer in answers)
