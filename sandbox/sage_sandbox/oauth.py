"""Sage's sign-in over HTTP: the authorise page, the token and the revoke endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sage_sandbox.answers import Answer, Call, json_answer
from sage_sandbox.tokens import Grant, InvalidGrantError, TokenDesk

Decision = Literal["ask", "allow", "deny"]
DECISIONS: tuple[Decision, ...] = ("ask", "allow", "deny")


@dataclass
class SignIn:
    """Who sits at the browser, and what they decide."""

    user_id: str
    decision: Decision = "ask"
    """``ask`` shows a page with two links; the others answer at once."""
    error: str = "access_denied"
    """What a denial says; Sage also says ``Invalid request``, with a reason."""
    reason: str | None = None


def token_answer(desk: TokenDesk, call: Call) -> Answer:
    """The token endpoint: a code or a refresh token for new tokens."""
    form = _form(call)
    if call.method != "POST":
        return json_answer(405, {"error": "method_not_allowed"})
    if not _is_client(desk, form):
        return json_answer(401, {"error": "invalid_client"})
    try:
        if form.get("grant_type") == "authorization_code":
            grant = desk.exchange_code(form.get("code", ""), form.get("redirect_uri", ""))
        elif form.get("grant_type") == "refresh_token":
            agent = call.headers.get("user-agent", "")
            grant = desk.refresh(form.get("refresh_token", ""), agent)
        else:
            return json_answer(400, {"error": "invalid_grant"})
    except InvalidGrantError:
        return json_answer(400, {"error": "invalid_grant"})
    return json_answer(200, _token_body(grant), {"cache-control": "no-store"})


def revoke_answer(desk: TokenDesk, call: Call) -> Answer:
    """The revoke endpoint; it ends all tokens of the same sign-in."""
    form = _form(call)
    if call.method != "POST":
        return json_answer(405, {"error": "method_not_allowed"})
    if not _is_client(desk, form):
        return json_answer(401, {"error": "invalid_client"})
    desk.revoke(form.get("token", ""))
    return json_answer(200, {})


def authorise_answer(desk: TokenDesk, sign_in: SignIn, request: Request) -> Response:
    """The page where a user allows or denies; or its outcome, a redirect with a code or an error."""
    asked = request.query_params
    redirect_uri = asked.get("redirect_uri", "")
    if asked.get("client_id") != desk.client_id or asked.get("response_type") != "code":
        return HTMLResponse("<h1>Unknown application or response_type</h1>", status_code=400)
    if not redirect_uri.startswith(("http://", "https://")):
        return HTMLResponse("<h1>redirect_uri is missing</h1>", status_code=400)
    decision = asked.get("decision") or ("allow" if asked.get("auto") else sign_in.decision)
    if decision == "ask":
        return HTMLResponse(_page(sign_in.user_id, str(request.url)))
    answer = {"state": asked["state"]} if "state" in asked else {}
    if decision == "allow":
        scope = asked.get("scope", "full_access")
        answer["code"] = desk.issue_code(sign_in.user_id, redirect_uri, scope)
    else:
        answer["error"] = sign_in.error
        if sign_in.reason is not None:
            answer["reason"] = sign_in.reason
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(answer)}", status_code=302)


def _token_body(grant: Grant) -> dict[str, str | int]:
    return {
        "access_token": grant.access.text,
        "scope": grant.access.scope,
        "token_type": "bearer",
        "expires_in": int(grant.expires_in_s),
        "refresh_token": grant.refresh.text,
        "refresh_token_expires_in": int(grant.refresh_expires_in_s),
        "requested_by_id": grant.access.user_id,
    }


def _form(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


def _is_client(desk: TokenDesk, form: dict[str, str]) -> bool:
    return (form.get("client_id"), form.get("client_secret")) == (
        desk.client_id,
        desk.client_secret,
    )


def _page(user: str, url: str) -> str:
    link = escape(url)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Sandbox sign-in</title>"
        f"<h1>Sage sandbox</h1><p>Let this application read and write as user {escape(user)}?</p>"
        f'<p><a href="{link}&amp;decision=allow">Allow</a> '
        f'<a href="{link}&amp;decision=deny">Deny</a></p></html>'
    )
