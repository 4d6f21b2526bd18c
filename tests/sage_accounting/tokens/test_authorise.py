"""Signing in: the address, the browser's way back, codes and refresh tokens at hand."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sage_accounting.errors import ConfigurationError, ReauthorisationError
from sage_accounting.tokens import authorise

Browser = Callable[[str], object]


def query(address: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}


def allow(address: str) -> httpx.Response:
    return httpx.get(address + "&decision=allow", follow_redirects=True)


def deny(address: str) -> httpx.Response:
    return httpx.get(address + "&decision=deny", follow_redirects=True)


def code_of(sage: Any) -> str:
    """The code with which Sage's page redirects, taken from the address line."""
    address = authorise.authorize_url(sage.settings, "state")
    return httpx.get(address + "&decision=allow").headers["Location"]


def sign_in(sage: Any, open_browser: Browser, timeout_s: float = 30.0) -> Any:
    vault = sage.vault()
    authorise.sign_in_with_browser(
        sage.settings, vault, open_browser=open_browser, timeout_s=timeout_s
    )
    return vault


def test_address_asks_for_what_the_guide_says(sage: Any) -> None:
    asked = query(authorise.authorize_url(sage.settings, "xyz", country="GB"))
    assert asked == {
        "filter": "apiv3.1",
        "client_id": sage.settings.client_id,
        "response_type": "code",
        "redirect_uri": sage.settings.redirect_uri,
        "scope": "full_access",
        "state": "xyz",
        "country": "gb",
    }


def test_address_keeps_the_query_of_the_setting(sage: Any) -> None:
    settings = sage.with_settings(authorize_url="http://127.0.0.1/authorize?theme=dark")
    assert query(authorise.authorize_url(settings, "xyz"))["theme"] == "dark"


def test_country_that_sage_does_not_know_is_refused(sage: Any) -> None:
    with pytest.raises(ConfigurationError, match="'IT'"):
        authorise.authorize_url(sage.settings, "xyz", country="IT")


def test_browser_that_comes_back_with_a_code_signs_in(sage: Any) -> None:
    assert sign_in(sage, allow).status().state == "ok"


def test_page_in_the_browser_does_not_repeat_the_code(sage: Any) -> None:
    pages: list[httpx.Response] = []
    sign_in(sage, lambda address: pages.append(allow(address)))
    assert query(str(pages[0].url))["code"] not in pages[0].text


def test_user_who_says_no_is_told_what_sage_said(sage: Any) -> None:
    with pytest.raises(ReauthorisationError, match="access_denied"):
        sign_in(sage, deny)


def test_redirect_with_another_state_is_not_taken(sage: Any) -> None:
    def forge(address: str) -> None:
        back = query(address)["redirect_uri"]
        assert httpx.get(f"{back}?code=forged&state=guessed").status_code == 400
        allow(address)

    assert sign_in(sage, forge).status().state == "ok"


def test_other_requests_to_the_port_change_nothing(sage: Any) -> None:
    def ask_for_an_icon(address: str) -> None:
        back = query(address)["redirect_uri"]
        assert httpx.get(back.replace("/callback", "/favicon.ico")).status_code == 404
        allow(address)

    assert sign_in(sage, ask_for_an_icon).status().state == "ok"


def test_nobody_signing_in_ends_with_a_message(sage: Any) -> None:
    with pytest.raises(ReauthorisationError, match="nobody signed in within 0 seconds"):
        sign_in(sage, lambda _address: None, timeout_s=0.01)


def test_port_in_use_names_the_other_ways(sage: Any) -> None:
    address = urlsplit(sage.settings.redirect_uri)
    with (
        socket.create_server(("127.0.0.1", address.port or 0)),
        pytest.raises(ConfigurationError, match="connect --code CODE"),
    ):
        sign_in(sage, allow)


def test_redirect_to_another_machine_needs_a_pasted_code(sage: Any) -> None:
    settings = sage.with_settings(redirect_uri="https://example.com/callback")
    with pytest.raises(ConfigurationError, match="connect --code CODE"):
        authorise.sign_in_with_browser(settings, sage.vault(), open_browser=allow)


def test_pasted_code_signs_in(sage: Any) -> None:
    vault = sage.vault()
    authorise.sign_in_with_code(sage.settings, vault, query(code_of(sage))["code"])
    assert vault.status().state == "ok"


def test_pasted_address_is_as_good_as_its_code(sage: Any) -> None:
    vault = sage.vault()
    authorise.sign_in_with_code(sage.settings, vault, f" {code_of(sage)}\n")
    assert vault.status().state == "ok"


def test_code_works_once(sage: Any) -> None:
    code = code_of(sage)
    authorise.sign_in_with_code(sage.settings, sage.vault(), code)
    with pytest.raises(ReauthorisationError, match="older than 60 seconds"):
        authorise.sign_in_with_code(sage.settings, sage.vault(), code)


def test_refused_code_keeps_the_tokens_that_were_there(sage: Any) -> None:
    vault = sage.signed_in()
    with pytest.raises(ReauthorisationError):
        authorise.sign_in_with_code(sage.settings, vault, "invented")
    assert vault.status().state == "ok"


def test_refused_refresh_token_keeps_the_tokens_that_were_there(sage: Any) -> None:
    vault = sage.signed_in()
    with pytest.raises(ReauthorisationError, match="given refresh token"):
        authorise.sign_in_with_refresh_token(sage.settings, vault, "invented")
    assert vault.status().state == "ok"


def test_given_refresh_token_is_not_stored_but_its_successor(sage: Any) -> None:
    vault = sage.vault()
    authorise.sign_in_with_refresh_token(sage.settings, vault, sage.sandbox.authorise() + "\n")
    vault.refresh_after(vault.bearer())
    assert sage.reused == 0


def test_folder_that_can_not_be_written_stops_before_the_code_is_used(sage: Any) -> None:
    code = code_of(sage)
    sage.pipelines_dir.write_text("a file where the folder should be")
    with pytest.raises(Exception, match="Could not take the token lock"):
        authorise.sign_in_with_code(sage.settings, sage.vault(), code)
    sage.pipelines_dir.unlink()
    authorise.sign_in_with_code(sage.settings, sage.vault(), code)


def test_other_user_takes_a_connection_over_only_when_confirmed(sage: Any) -> None:
    vault = sage.signed_in()
    former = vault.status().user_id
    refresh_token = sage.another_users_token()
    with pytest.raises(ConfigurationError, match="another"):
        authorise.sign_in_with_refresh_token(
            sage.settings, vault, refresh_token, confirm_other_user=lambda _old, _new: False
        )
    assert vault.status().user_id == former


def test_same_user_signing_in_again_is_not_asked_about(sage: Any) -> None:
    vault = sage.signed_in()
    asked: list[str] = []
    authorise.sign_in_with_refresh_token(
        sage.settings,
        vault,
        sage.sandbox.authorise(),
        confirm_other_user=lambda _old, new: bool(asked.append(new)),
    )
    assert asked == []
