"""The bearer on requests, and which 401 is a reason to refresh."""

from typing import Any

import httpx
import pytest

from sage_accounting.tokens import SageAuth, expired_access_token

MISSING = {
    "error": "Authorization missing. Please, add an authorization token at the 'Authorization' header."
}


def refused(body: object) -> httpx.Response:
    if isinstance(body, bytes):
        return httpx.Response(401, content=body)
    return httpx.Response(401, json=body)


@pytest.mark.parametrize(
    "body",
    [
        [{"$severity": "error", "$dataCode": "AccessTokenVerificationError", "$source": "x"}],
        [{"$dataCode": "AccessTokenExpired"}],
        [{"$dataCode": "SomethingNew"}],
        {"error": "invalid_token"},
        {"error": "Unauthorized"},
        {"$dataCode": "AccessTokenVerificationError"},
        [],
        ["text"],
        "text",
        {},
        b"null",
        b"<html>401</html>",
        b"\xff\xfe",
        b"",
    ],
)
def test_401_that_a_token_may_heal_is_a_reason_to_refresh(body: object) -> None:
    assert expired_access_token(refused(body))


@pytest.mark.parametrize(
    "body",
    [
        [{"$dataCode": "AuthorizationFailure", "$message": "No active subscription. (MSE)"}],
        {"$dataCode": "AuthorizationFailure"},
        {"error": "AuthorizationFailure"},
        MISSING,
    ],
)
def test_401_that_no_token_heals_is_no_reason_to_refresh(body: object) -> None:
    assert not expired_access_token(refused(body))


def test_403_is_no_reason_to_refresh() -> None:
    response = httpx.Response(403, json=[{"$dataCode": "AccessTokenVerificationError"}])
    assert not expired_access_token(response)


def get(sage: Any, auth: httpx.Auth, business_id: str | None = None) -> httpx.Response:
    path = "/contacts" if business_id else "/businesses"
    headers = {"X-Business": business_id} if business_id else {}
    with httpx.Client(auth=auth) as http:
        return http.get(sage.settings.base_url + path, headers=headers)


def test_request_carries_the_bearer(sage: Any) -> None:
    assert get(sage, SageAuth(sage.signed_in())).status_code == 200


def test_expired_token_costs_one_refresh_and_one_more_request(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    sage.sandbox.control("expire_access_tokens")
    assert get(sage, auth).status_code == 200
    assert sage.refreshes == 1


@pytest.mark.parametrize("body", ["array", "object", "html", "empty"])
def test_401_in_any_form_costs_one_refresh_and_is_healed(sage: Any, body: str) -> None:
    auth = SageAuth(sage.signed_in())
    sage.fault("status", path="/businesses", status=401, body=body)
    assert get(sage, auth).status_code == 200
    assert sage.refreshes == 1


def test_token_that_stays_refused_is_refreshed_once_for_all_requests(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    sage.fault("status", path="/businesses", status=401, body="html", count=None)
    assert [get(sage, auth).status_code for _ in range(3)] == [401, 401, 401]
    assert sage.refreshes == 1


def test_token_that_expires_after_a_401_that_nothing_healed_is_refreshed(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    sage.fault("status", path="/businesses", status=401, body="object", count=2)
    get(sage, auth)
    sage.sandbox.control("expire_access_tokens")
    assert get(sage, auth, next(iter(sage.sandbox.state.businesses))).status_code == 200


def test_ended_subscription_costs_no_refresh(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    with sage.ended_subscription() as business_id:
        response = get(sage, auth, business_id)
    assert (response.status_code, sage.refreshes) == (401, 0)


def test_asynchronous_client_is_refused_instead_of_sent_without_a_bearer(sage: Any) -> None:
    auth = SageAuth(sage.vault())
    with pytest.raises(RuntimeError, match=r"httpx\.Client"):
        auth.async_auth_flow(httpx.Request("GET", "http://127.0.0.1/"))
