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
        {"error": "invalid_token"},
        b"<html>401</html>",
        b"",
    ],
)
def test_401_about_the_token_is_a_reason_to_refresh(body: object) -> None:
    assert expired_access_token(refused(body))


@pytest.mark.parametrize(
    "body",
    [
        [{"$dataCode": "AuthorizationFailure", "$message": "No active subscription. (MSE)"}],
        MISSING,
        [{"$dataCode": "SomethingNew"}],
        [],
        ["text"],
        b"null",
        "text",
        {},
    ],
)
def test_401_about_something_else_is_no_reason_to_refresh(body: object) -> None:
    assert not expired_access_token(refused(body))


def test_403_is_no_reason_to_refresh() -> None:
    response = httpx.Response(403, json=[{"$dataCode": "AccessTokenVerificationError"}])
    assert not expired_access_token(response)


def get(sage: Any, auth: httpx.Auth) -> httpx.Response:
    with httpx.Client(auth=auth) as http:
        return http.get(f"{sage.settings.base_url}/businesses")


def test_request_carries_the_bearer(sage: Any) -> None:
    assert get(sage, SageAuth(sage.signed_in())).status_code == 200


def test_expired_token_costs_one_refresh_and_one_more_request(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    sage.sandbox.control("expire_access_tokens")
    assert get(sage, auth).status_code == 200
    assert sage.refreshes == 1


def test_token_that_stays_refused_is_refreshed_once_only(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    sage.fault("status", path="/businesses", status=401, body="html", count=None)
    assert get(sage, auth).status_code == 401
    assert sage.refreshes == 1


def test_ended_subscription_costs_no_refresh(sage: Any) -> None:
    auth = SageAuth(sage.signed_in())
    with httpx.Client(auth=auth) as http, sage.ended_subscription() as business_id:
        response = http.get(
            f"{sage.settings.base_url}/contacts", headers={"X-Business": business_id}
        )
    assert (response.status_code, sage.refreshes) == (401, 0)


def test_asynchronous_client_is_refused_instead_of_sent_without_a_bearer(sage: Any) -> None:
    auth = SageAuth(sage.vault())
    with pytest.raises(RuntimeError, match=r"httpx\.Client"):
        auth.async_auth_flow(httpx.Request("GET", "http://127.0.0.1/"))
