"""What a person sees in a browser: the report's page, and the way through Sage's sign-in and back."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from chromium import chromium
from export_books import write_books
from playwright.sync_api import Browser, Page
from shell import PREFIX, Done, User, new_user

from sage_sandbox.server import Sandbox, running_sandbox

WIDTHS = (1280, 400)
READABLE = 4.5
"""Contrast that WCAG 2.2 AA asks of text; 3 of figures."""

CONTRASTS = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number)
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor)
      if (colour.length === 3 || colour[3] > 0) return colour
    }
    return [255, 255, 255]
  }
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  }
  const isShown = e => e.checkVisibility() && e.textContent.trim()
  const texts = [...document.querySelectorAll('body *')].filter(isShown).flatMap(e =>
    [null, '::before'].map(part => ratio(numbers(getComputedStyle(e, part).color), behind(e))))
  const bars = [...document.querySelectorAll('rect')].map(e => ratio(numbers(getComputedStyle(e).fill), behind(e)))
  return {texts: Math.min(...texts), bars: Math.min(...bars), counted: texts.length}
}"""
OVERFLOWING = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.checkVisibility() && !e.closest('.skip, thead'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 && e.matches('.wide'))
  .map(e => e.outerHTML.slice(0, 80))"""
OPEN_ALL = "() => document.querySelectorAll('details').forEach(e => e.open = true)"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a worker."""
    try:
        with chromium() as running:
            yield running
    except FileNotFoundError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@dataclass
class Visit:
    """A page, and what it asked of the network."""

    page: Page
    requests: list[str] = field(default_factory=list)


OpenPage = Callable[..., Visit]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens addresses, each in a profile of its own; the options are the profile's."""
    contexts = []

    def visit(address: str, **options: Any) -> Visit:
        context = browser.new_context(**options)
        contexts.append(context)
        visited = Visit(context.new_page())
        visited.page.on("request", lambda request: visited.requests.append(request.url))
        visited.page.goto(address)
        return visited

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """One for all tests here: none changes the books."""
    with running_sandbox(countries=("GB",), invoices=1, seed=3) as running:
        yield running


# --- the report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, server: Sandbox) -> str:
    """The address of a page about books with a broken tie-out, a long name and large amounts."""
    user = new_user(tmp_path_factory.mktemp("report") / "user", server)
    write_books(user.warehouse, "GB", 5, mapped=False)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{user.warehouse}' AS made")
        connection.execute("UPDATE made.unified.dim_contact SET name = repeat(name || '-', 9)")
        connection.execute(
            "UPDATE made.marts.aged_receivables SET base_outstanding = base_outstanding * 1000000"
        )
    user.ok("report")
    return (user.folder / "report.html").as_uri()


def test_report_loads_nothing_but_itself(report: str, open_page: OpenPage) -> None:
    assert open_page(report).requests == [report]


def test_report_has_no_script(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    assert page.locator("script, [onclick], [onload], a[href^=javascript]").count() == 0


def test_every_table_of_the_report_names_its_columns_and_rows(
    report: str, open_page: OpenPage
) -> None:
    page = open_page(report).page
    page.evaluate(OPEN_ALL)
    nameless = page.evaluate("""() => [...document.querySelectorAll('table')].filter(t =>
      !t.caption?.textContent.trim()
      || [...t.tHead.rows[0].cells].some(c => c.scope !== 'col' || !c.textContent.trim())
      || [...t.tBodies[0].rows].some(r => r.cells[0].scope !== 'row' || r.cells.length !== t.tHead.rows[0].cells.length)
    ).length""")
    assert (nameless, page.locator("table").count() > 10) == (0, True)


def test_headings_of_the_report_leave_no_level_out(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => h.tagName)")
    assert levels == ["H1", "H2", "H2", "H2", "H2"]
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_report_is_readable(report: str, open_page: OpenPage, scheme: str) -> None:
    page = open_page(report, color_scheme=scheme).page
    page.evaluate(OPEN_ALL)
    found = page.evaluate(CONTRASTS)
    assert found["counted"] > 100
    assert (found["texts"] >= READABLE, found["bars"] >= 3) == (True, True), found


def test_dark_report_is_dark(report: str, open_page: OpenPage) -> None:
    seen = {
        scheme: open_page(report, color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert (seen["light"], seen["dark"]) == ("rgb(255, 255, 255)", "rgb(20, 23, 26)")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_of_the_report_is_cut(report: str, open_page: OpenPage, width: int) -> None:
    page = open_page(report, viewport={"width": width, "height": 900}).page
    page.evaluate(OPEN_ALL)
    assert page.evaluate(OVERFLOWING) == []


def test_cell_on_a_narrow_screen_bears_the_name_of_its_column(
    report: str, open_page: OpenPage
) -> None:
    page = open_page(report, viewport={"width": 400, "height": 900}).page
    cell = page.locator("table").first.locator("tbody td").first
    assert cell.evaluate("e => getComputedStyle(e, '::before').content") == '"Country: "'


def test_broken_tie_out_shows_without_a_click(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    assert page.locator("details td", has_text="broken").first.is_visible()


def test_keyboard_opens_every_part_of_the_report(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.evaluate("""() => {
          const e = document.activeElement
          return {tag: e.tagName, isOpen: e.parentElement?.open, outline: getComputedStyle(e).outlineStyle}
        }""")
        if focused["tag"] == "BODY":
            break
        assert focused["outline"] == "solid", focused
        if focused["tag"] == "SUMMARY" and not focused["isOpen"]:
            page.keyboard.press("Enter")
    assert page.locator("details:not([open])").count() == 0


def test_first_key_leads_past_the_navigation(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    page.keyboard.press("Tab")
    assert page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]  # it is shown
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_printed_report_shows_what_is_folded(report: str, open_page: OpenPage) -> None:
    page = open_page(report).page
    page.emulate_media(media="print")
    heights = page.evaluate(
        "[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(heights) > 0


# --- signing in


@dataclass(frozen=True)
class SignIn:
    """How ``sage-elt connect`` went with a person at the browser that it opened."""

    forged: str
    """The page for an answer that belongs to another sign-in."""
    answered: str
    """The page for Sage's answer."""
    code: str | None
    requests: list[str]
    done: Done


@pytest.fixture(scope="module")
def somebody(tmp_path_factory: pytest.TempPathFactory, server: Sandbox) -> User:
    """Not yet signed in; the browser of their machine is a pipe that hands over the address."""
    user = new_user(tmp_path_factory.mktemp("sign-in") / "user", server)
    os.mkfifo(user.folder / "address")
    script = user.folder / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > "{user.folder}/address"\n')
    script.chmod(0o700)
    with socket.create_server(("127.0.0.1", 0)) as free:
        callback = f"http://localhost:{free.getsockname()[1]}/callback"
    user.environment |= {"BROWSER": f"{script} %s", PREFIX + "REDIRECT_URI": callback}
    return user


def sign_in(user: User, browser: Browser, choice: str) -> SignIn:
    """Run ``connect``; the person first comes from a forged answer, then chooses on Sage's page."""
    process = user.start("connect")
    try:
        address = (user.folder / "address").read_text()
        callback = query(address)["redirect_uri"]
        with browser.new_context() as context:
            page, requests = context.new_page(), list[str]()
            page.on("request", lambda request: requests.append(request.url))
            page.goto(f"{callback}?code=forged&state=guessed")
            forged = page.content()
            page.goto(address)
            page.get_by_role("link", name=choice).click()
            page.get_by_text("go back to the terminal").wait_for()
            code, answered = query(page.url).get("code"), page.content()
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    return SignIn(forged, answered, code, requests, Done(process.returncode, out, err))


def query(address: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}


@pytest.fixture(scope="module")
def allowed(somebody: User, browser: Browser) -> SignIn:
    return sign_in(somebody, browser, "Allow")


@pytest.fixture(scope="module")
def denied(somebody: User, browser: Browser) -> SignIn:
    return sign_in(somebody, browser, "Deny")


def test_allowing_access_signs_in_and_lists_the_books(allowed: SignIn) -> None:
    assert allowed.done.returncode == 0, allowed.done.stderr
    assert " GB " in allowed.done.stdout


def test_answer_to_another_sign_in_is_refused(allowed: SignIn) -> None:
    assert "not begun here" in allowed.forged


def test_page_of_the_callback_does_not_repeat_the_code(allowed: SignIn) -> None:
    assert allowed.code
    assert allowed.code not in allowed.answered


def test_sign_in_asks_nobody_but_sage_and_this_machine(allowed: SignIn) -> None:
    assert {urlsplit(address).hostname for address in allowed.requests} == {
        "localhost",
        "127.0.0.1",
    }


def test_refusing_access_ends_with_what_to_do(denied: SignIn) -> None:
    assert "Sage said no" in denied.answered
    assert denied.done.returncode == 3
    assert "access_denied" in denied.done.stderr


def test_busy_callback_port_is_named_before_a_browser_opens(somebody: User) -> None:
    callback = somebody.environment[PREFIX + "REDIRECT_URI"]
    with socket.create_server(("127.0.0.1", urlsplit(callback).port or 0)):
        done = somebody.run("connect")  # would wait for ever at the pipe
    assert done.returncode == 2
    assert f"Could not listen at {callback}" in done.stderr
    assert "--code" in done.stderr
