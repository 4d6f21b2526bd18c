"""The server as a process and as a context."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_client import NO_CERTIFICATES, signed_in

from sage_sandbox.books import generate_business
from sage_sandbox.server import running_sandbox

COMMAND = [sys.executable, "-m", "sage_sandbox", "--port", "0", "--invoices", "5"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_process_prints_its_addresses_and_stops_cleanly(stop: signal.Signals) -> None:
    command = [*COMMAND, "--countries", "gb,ES", "--token-lifetime", "9"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    urls = json.loads(server.stdout.readline())
    answer = httpx.post(f"{urls['control_url']}/businesses", json={}, verify=NO_CERTIFICATES)
    server.send_signal(stop)
    out, err = server.communicate(timeout=10)
    assert [each["country"] for each in answer.json()["businesses"]] == ["GB", "ES"]
    assert (server.returncode, out, err) == (0, "", "")


def test_unknown_country_is_refused_before_anything_starts() -> None:
    done = subprocess.run(
        [*COMMAND, "--countries", "XX"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "XX" in done.stderr


def test_context_is_ready_when_entered_and_gone_when_left() -> None:
    with running_sandbox(countries=("IE",), invoices=3) as sandbox:
        address = urlsplit(sandbox.urls["base_url"])
        client = signed_in(sandbox, "IE")
        with client.http:
            assert client.get("/contacts").status_code == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(address.hostname), address.port or 0), timeout=1)


def test_context_with_open_connections_is_left_at_once() -> None:
    with running_sandbox(countries=("IE",), invoices=3) as sandbox:
        client = signed_in(sandbox, "IE")
        client.get("/contacts")
    client.http.close()


def test_same_seed_serves_the_same_bytes() -> None:
    pages = []
    for _ in range(2):
        with running_sandbox(countries=("DE",), invoices=5, seed=7) as sandbox:
            client = signed_in(sandbox, "DE")
            with client.http:
                pages.append(client.get("/sales_invoices", attributes="all").content)
    assert pages[0] == pages[1]


def test_several_businesses_of_a_country_are_told_apart() -> None:
    with running_sandbox(countries=("DE",), invoices=3, businesses_per_country=3) as sandbox:
        assert len(sandbox.state.businesses) == 3


def test_given_books_are_served_as_they_are() -> None:
    books = generate_business("US", invoices=3, seed=1)
    with running_sandbox(books=[books]) as sandbox:
        assert sandbox.state.books == {books.business.id: books}


def test_settings_name_every_address_and_credential_of_the_connector() -> None:
    with running_sandbox(countries=("GB",), invoices=1) as sandbox:
        prefix = "SOURCES__SAGE_ACCOUNTING__"
        names = {name.removeprefix(prefix).lower() for name in sandbox.settings_env()}
        assert names == set(sandbox.urls) - {"control_url"}


def test_it_listens_on_the_loopback_alone() -> None:
    with running_sandbox(countries=("GB",), invoices=1) as sandbox:
        assert {urlsplit(url).hostname for url in sandbox.urls.values() if "://" in url} == {
            "127.0.0.1"
        }
