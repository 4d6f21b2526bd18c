"""A person's sign-in at Sage: in the browser, with a pasted code, or with a refresh token at hand.

OAuth 2 authorisation code as in the authentication guide of the Sage Accounting API v3.1. A code lives
for 60 seconds and works once, so the store is tried before anything is handed to Sage.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sage_accounting.errors import ConfigurationError, ReauthorisationError
from sage_accounting.settings import PREFIX, Settings
from sage_accounting.tokens.endpoint import Refusal, TokenAnswer
from sage_accounting.tokens.vault import Vault

COUNTRIES = ("ca", "de", "es", "fr", "gb", "ie", "us")
_LOOPBACK = "127.0.0.1"
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    '<meta name=viewport content="width=device-width"><title>sage-elt</title>'
    "<p>{text} You can close this window and go back to the terminal.</p>"
)

ConfirmOtherUser = Callable[[str, str], bool]
"""(stored user id, new user id) to whether the connection may change hands."""


def authorize_url(settings: Settings, state: str, country: str | None = None) -> str:
    """The address at which the user signs in; ``country``: ISO alpha-2 of the business, if known."""
    query = {
        "filter": "apiv3.1",
        "client_id": settings.client_id,
        "response_type": "code",
        "redirect_uri": settings.redirect_uri,
        "scope": "full_access",
        "state": state,
    }
    if country is not None:
        if country.lower() not in COUNTRIES:
            raise ConfigurationError(
                f"Sage Accounting does not know the country {country!r}; it is one of "
                f"{', '.join(COUNTRIES)}. Nothing was sent to Sage."
            )
        query["country"] = country.lower()
    parts = urlsplit(settings.authorize_url)
    query = {**dict(parse_qsl(parts.query)), **query}
    return urlunsplit(parts._replace(query=urlencode(query)))


def sign_in_with_browser(
    settings: Settings,
    vault: Vault,
    *,
    open_browser: Callable[[str], object] = webbrowser.open,
    timeout_s: float = 300.0,
    country: str | None = None,
    confirm_other_user: ConfirmOtherUser | None = None,
) -> None:
    """Open Sage's page, wait for its redirect to ``redirect_uri`` on this machine, store the tokens.

    Raises :class:`ReauthorisationError` when nobody signs in within ``timeout_s`` or Sage says no.
    """
    vault.prepare()
    state = secrets.token_urlsafe(24)
    with _callback_server(settings, state) as redirected:
        open_browser(authorize_url(settings, state, country))
        try:
            redirect = redirected.result(timeout_s)
        except TimeoutError:
            redirect = _Redirect(error=f"nobody signed in within {timeout_s:.0f} seconds")
    if redirect.code is None:
        raise ReauthorisationError(
            f"Connection {settings.connection} was not authorised ({redirect.error}). What was stored "
            f"before is kept. Sign in again with: sage-elt connect --connection {settings.connection}",
            error_code="sign-in-failed",
        )
    sign_in_with_code(settings, vault, redirect.code, confirm_other_user=confirm_other_user)


def sign_in_with_code(
    settings: Settings,
    vault: Vault,
    code: str,
    *,
    confirm_other_user: ConfirmOtherUser | None = None,
) -> None:
    """Store the tokens for a code, or for the whole address to which Sage's page redirected."""
    former_user_id = vault.prepare()
    pasted = dict(parse_qsl(urlsplit(code.strip()).query)).get("code", code.strip())
    answer = vault.endpoint.exchange_code(pasted)
    if isinstance(answer, Refusal):
        raise ReauthorisationError(
            f"Sage refused the code for connection {settings.connection} (request {answer.request_id}): "
            "it is used, older than 60 seconds, or was made for another redirect_uri than "
            f"{settings.redirect_uri}. What was stored before is kept. Sign in again with: "
            f"sage-elt connect --connection {settings.connection}",
            error_code="sign-in-failed",
        )
    _store(vault, answer, former_user_id, confirm_other_user)


def sign_in_with_refresh_token(
    settings: Settings,
    vault: Vault,
    token: str,
    *,
    confirm_other_user: ConfirmOtherUser | None = None,
) -> None:
    """Exchange a refresh token that was obtained elsewhere, and store its successor."""
    former_user_id = vault.prepare()
    answer = vault.endpoint.refresh(token.strip())
    if isinstance(answer, Refusal):
        raise ReauthorisationError(
            f"Sage refused the given refresh token for connection {settings.connection} (request "
            f"{answer.request_id}): it was used before, revoked or is older than 31 days. What was "
            f"stored before is kept. Sign in with: sage-elt connect --connection {settings.connection}",
            error_code="sign-in-failed",
        )
    _store(vault, answer, former_user_id, confirm_other_user)


def _store(
    vault: Vault,
    answer: TokenAnswer,
    former_user_id: str | None,
    confirm: ConfirmOtherUser | None,
) -> None:
    is_other = bool(former_user_id and answer.user_id and former_user_id != answer.user_id)
    if is_other and confirm and not confirm(str(former_user_id), str(answer.user_id)):
        vault.endpoint.revoke(answer.refresh_token)
        raise ConfigurationError(
            f"Connection {vault.connection} belongs to another Sage user, so the new sign-in was undone "
            "and what was stored before is kept. Sign in as the former user, or choose another name "
            "with --connection.",
            error_code="other-sage-user",
        )
    vault.store_authorisation(answer)


@dataclass(frozen=True)
class _Redirect:
    """What Sage's page sent the browser back with."""

    code: str | None = field(default=None, repr=False)
    error: str = ""


@contextmanager
def _callback_server(settings: Settings, state: str) -> Iterator[Future[_Redirect]]:
    """Serves ``redirect_uri`` on the loopback interface until the block is left."""
    address = urlsplit(settings.redirect_uri)
    if address.hostname not in ("localhost", _LOOPBACK) or address.scheme != "http":
        raise ConfigurationError(
            f"The setting redirect_uri ({settings.redirect_uri}) does not begin with http://localhost "
            f"or http://{_LOOPBACK}, so the browser can not come back here. Nothing was sent to Sage. "
            "Sign in elsewhere and paste the code: sage-elt connect --code CODE"
        )
    redirected: Future[_Redirect] = Future()
    handler = _handler(address.path or "/", state, redirected)
    try:
        # Threads, since a browser also opens connections on which it then says nothing.
        server = ThreadingHTTPServer((_LOOPBACK, address.port or 80), handler)
    except OSError as error:
        raise ConfigurationError(
            f"Could not listen at {settings.redirect_uri} for the browser to come back "
            f"({error.strerror}). Nothing was sent to Sage. Free the port, register another "
            f"redirect_uri and set {PREFIX}REDIRECT_URI, or paste the code: sage-elt connect --code CODE",
            error_code="redirect-port-taken",
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield redirected
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(path: str, state: str, redirected: Future[_Redirect]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != path:
                self._answer(404, "There is nothing here.")
                return
            redirect = _read_redirect(dict(parse_qsl(parts.query)), state)
            if redirect is None:
                self._answer(400, "This sign-in was not begun here.")
                return
            self._answer(200, "Sage allowed access." if redirect.code else "Sage said no.")
            with suppress(InvalidStateError):  # a page that was loaded again
                redirected.set_result(redirect)

        def _answer(self, status: int, text: str) -> None:
            body = _PAGE.format(text=text).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")  # the address holds the code
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Nothing: the address holds the code."""

    return Handler


def _read_redirect(query: Mapping[str, str], state: str) -> _Redirect | None:
    """None for a redirect that does not belong to this sign-in; Sage's errors may lack the state."""
    is_ours = hmac.compare_digest(query.get("state", "").encode(), state.encode())
    if is_ours and query.get("code"):
        return _Redirect(code=query["code"])
    if "error" in query and (is_ours or "state" not in query):
        said = [query[key] for key in ("error", "reason", "error_description") if key in query]
        return _Redirect(error=_harmless(", ".join(said)))
    return None


def _harmless(text: str) -> str:
    """Text from outside, fit for a terminal: printable, one line, short."""
    return "".join(letter for letter in text if letter.isprintable())[:200]
