"""The sign-in over HTTP: a code from the browser, tokens for it, tokens for tokens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sandbox_client import NO_CERTIFICATES, Api, refresh

from sage_sandbox.server import Sandbox

REDIRECT = "http://localhost:8765/callback"


def browse(sandbox: Sandbox, **changed: str) -> httpx.Response:
    asked = {
        "client_id": sandbox.urls["client_id"],
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "state": "s&1",
        "scope": "full_access",
        "filter": "apiv3.1",
        "country": "gb",
    }
    url = sandbox.urls["authorize_url"]
    return httpx.get(url, params={**asked, **changed}, verify=NO_CERTIFICATES)


def redirected(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302
    location = urlsplit(answer.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == REDIRECT
    return {name: values[0] for name, values in parse_qs(location.query).items()}


def exchange(sandbox: Sandbox, code: str, **changed: str) -> httpx.Response:
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    return refresh(sandbox, "", **{**asked, **changed})


# --- the browser


def test_page_offers_to_allow_and_to_deny(sandbox: Sandbox) -> None:
    page = browse(sandbox)
    assert page.headers["content-type"].startswith("text/html")
    assert "decision=allow" in page.text
    assert "decision=deny" in page.text


def test_page_shows_no_markup_of_the_address(sandbox: Sandbox) -> None:
    assert "<script>" not in browse(sandbox, state="<script>").text


def test_allowing_gives_code_and_state(sandbox: Sandbox) -> None:
    answer = redirected(browse(sandbox, decision="allow"))
    assert set(answer) == {"code", "state"}
    assert answer["state"] == "s&1"


def test_denying_gives_an_error_and_no_code(sandbox: Sandbox) -> None:
    assert redirected(browse(sandbox, decision="deny")) == {
        "error": "access_denied",
        "state": "s&1",
    }


def test_auto_allows_without_a_page(sandbox: Sandbox) -> None:
    assert "code" in redirected(browse(sandbox, auto="1"))


def test_control_decides_for_the_browser(sandbox: Sandbox) -> None:
    sandbox.control("sign_in", decision="deny", error="Invalid request", reason="Email in use")
    answer = redirected(browse(sandbox))
    assert (answer["error"], answer["reason"]) == ("Invalid request", "Email in use")


@pytest.mark.parametrize(
    "changed", [{"client_id": "x"}, {"response_type": "token"}, {"redirect_uri": "javascript:1"}]
)
def test_mistaken_request_is_not_redirected(sandbox: Sandbox, changed: dict[str, str]) -> None:
    assert browse(sandbox, **changed).status_code == 400


# --- tokens for a code


def test_code_gives_what_sage_gives(sandbox: Sandbox) -> None:
    code = redirected(browse(sandbox, auto="1"))["code"]
    body = exchange(sandbox, code).json()
    assert list(body) == [
        "access_token",
        "scope",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_token_expires_in",
        "requested_by_id",
    ]
    assert (body["token_type"], body["expires_in"]) == ("bearer", 300)
    assert body["refresh_token_expires_in"] == 2678400


def test_tokens_look_like_sages(sandbox: Sandbox) -> None:
    body = refresh(sandbox, sandbox.authorise()).json()
    for name in ("access_token", "refresh_token"):
        assert body[name].count(".") == 2
        assert 1200 < len(body[name]) < 2048


def test_code_works_once(sandbox: Sandbox) -> None:
    code = redirected(browse(sandbox, auto="1"))["code"]
    assert exchange(sandbox, code).status_code == 200
    again = exchange(sandbox, code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


def test_code_needs_the_same_redirect_address(sandbox: Sandbox) -> None:
    code = redirected(browse(sandbox, auto="1"))["code"]
    assert exchange(sandbox, code, redirect_uri=REDIRECT + "/").status_code == 400


def test_second_user_sees_other_businesses(sandbox: Sandbox, spanish: Api) -> None:
    user = sandbox.control("add_user", businesses=[spanish.business])["user"]
    owner = sandbox.control("sign_in", user=user, decision="allow")
    assert owner["user_id"] == user
    body = exchange(sandbox, redirected(browse(sandbox))["code"]).json()
    first = next(iter(sandbox.state.users))
    sandbox.control("sign_in", user=first)
    assert body["requested_by_id"] == user
    spanish.http.headers["Authorization"] = f"Bearer {body['access_token']}"
    assert spanish.json("/businesses")["$total"] == 1


# --- tokens for a refresh token


def test_every_refresh_gives_other_tokens(sandbox: Sandbox) -> None:
    first = sandbox.authorise()
    second = refresh(sandbox, first).json()
    third = refresh(sandbox, second["refresh_token"]).json()
    assert len({first, second["refresh_token"], third["refresh_token"]}) == 3
    assert second["access_token"] != third["access_token"]


def test_used_refresh_token_is_refused_and_recorded(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    refresh(sandbox, token)
    before = len(sandbox.state.reused_refresh_tokens)
    again = refresh(sandbox, token)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert [reuse.token for reuse in sandbox.state.reused_refresh_tokens[before:]] == [token]


def test_unknown_refresh_token_is_no_reuse(sandbox: Sandbox) -> None:
    before = len(sandbox.state.reused_refresh_tokens)
    assert refresh(sandbox, "unknown").status_code == 400
    assert len(sandbox.state.reused_refresh_tokens) == before


def test_used_refresh_token_is_taken_in_its_grace_period(sandbox: Sandbox) -> None:
    sandbox.control("tokens", grace_s=60)
    token = sandbox.authorise()
    assert [refresh(sandbox, token).status_code for _ in range(2)] == [200, 200]


def test_expired_refresh_tokens_are_refused(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    sandbox.control("expire_refresh_tokens")
    assert refresh(sandbox, token).status_code == 400


def test_lifetime_is_what_was_set(sandbox: Sandbox) -> None:
    sandbox.control("tokens", access_lifetime_s=7)
    assert refresh(sandbox, sandbox.authorise()).json()["expires_in"] == 7


@pytest.mark.parametrize("changed", [{"client_secret": "wrong"}, {"client_id": "wrong"}])
def test_wrong_client_is_refused_and_burns_no_token(
    sandbox: Sandbox, changed: dict[str, str]
) -> None:
    token = sandbox.authorise()
    refused = refresh(sandbox, token, **changed)
    assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
    assert refresh(sandbox, token).status_code == 200


def test_unknown_grant_type_is_refused(sandbox: Sandbox) -> None:
    refused = refresh(sandbox, sandbox.authorise(), grant_type="password")
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


def test_revoking_ends_all_tokens_of_the_sign_in(sandbox: Sandbox, api: Api) -> None:
    body = refresh(sandbox, sandbox.authorise()).json()
    form = {"token": body["refresh_token"]}
    form |= {name: sandbox.urls[name] for name in ("client_id", "client_secret")}
    revoked = httpx.post(sandbox.urls["revoke_url"], data=form, verify=NO_CERTIFICATES)
    assert revoked.status_code == 200
    assert refresh(sandbox, body["refresh_token"]).status_code == 400
    assert api.get("/contacts").status_code == 200
    api.http.headers["Authorization"] = f"Bearer {body['access_token']}"
    assert api.get("/contacts").status_code == 401


def test_all_issued_tokens_can_be_searched_for(sandbox: Sandbox) -> None:
    token = sandbox.authorise()
    body = refresh(sandbox, token).json()
    assert {token, body["access_token"], body["refresh_token"]} <= set(sandbox.state.issued_tokens)
