"""The sandbox as a running server: its applications put together, and started in a thread."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from sage_sandbox.api import api_answer
from sage_sandbox.books import Books, generate_business
from sage_sandbox.control import ControlError, dispatch
from sage_sandbox.gateway import Gateway
from sage_sandbox.oauth import authorise_answer, revoke_answer, token_answer
from sage_sandbox.state import SandboxState, state_of

API = "/v3.1"
AUTHORISE = "/oauth2/auth/central"
CONTROL = "/_control"
COUNTRIES = ("GB", "IE", "DE", "FR", "ES", "CA", "US")
_KEEP_ALIVE_S = 75
_START_TIMEOUT_S = 30.0
_CONTROL_TIMEOUT_S = 60.0


class Sandbox:
    """A running server."""

    def __init__(self, state: SandboxState, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.state = state
        self._origin = f"http://127.0.0.1:{port}"
        self._loop = loop

    @property
    def urls(self) -> dict[str, str]:
        """Where everything is, and the registered application."""
        return {
            "base_url": self._origin + API,
            "token_url": f"{self._origin}/token",
            "revoke_url": f"{self._origin}/revoke",
            "authorize_url": self._origin + AUTHORISE,
            "control_url": self._origin + CONTROL,
            "client_id": self.state.tokens.client_id,
            "client_secret": self.state.tokens.client_secret,
        }

    def settings_env(self) -> dict[str, str]:
        """Environment variables that make the connector talk to this server."""
        return {
            f"SOURCES__SAGE_ACCOUNTING__{name.upper()}": value
            for name, value in self.urls.items()
            if name != "control_url"
        }

    def control(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        """A control operation, in the server's thread. Raises ControlError."""

        async def carry_out() -> Mapping[str, Any]:
            return dispatch(self.state, operation, arguments)

        done = asyncio.run_coroutine_threadsafe(carry_out(), self._loop)
        return done.result(_CONTROL_TIMEOUT_S)

    def authorise(self, user: str | None = None) -> str:
        """A refresh token, as if the user had signed in."""
        return str(self.control("authorise", user=user)["refresh_token"])


@contextmanager
def running_sandbox(
    *,
    countries: Iterable[str] = COUNTRIES,
    invoices: int = 20,
    seed: int = 1,
    businesses_per_country: int = 1,
    port: int = 0,
    latency_ms: float = 0,
    token_lifetime: float = 300,
    requests_per_minute: int = 0,
    books: Iterable[Books] | None = None,
) -> Iterator[Sandbox]:
    """A server on 127.0.0.1 that accepts connections, stopped at the end.

    ``invoices`` are those of each business; ``books``, where given, are served instead of generated
    ones. ``port`` 0 takes a free one; ``token_lifetime`` is in seconds; ``requests_per_minute`` per
    business, 0 = unlimited.
    """
    if books is None:
        books = generated(countries, invoices, seed, businesses_per_country)
    state = state_of(books)
    state.latency_s = latency_ms / 1000
    state.tokens.access_lifetime_s = token_lifetime
    state.limits.requests_per_minute = requests_per_minute
    with _listener(port) as listener:
        server = _Server(application(state))
        thread = threading.Thread(
            target=server.run, args=([listener],), name="sage-sandbox", daemon=True
        )
        thread.start()
        if not server.is_up.wait(_START_TIMEOUT_S) or server.loop is None:
            raise RuntimeError("The sandbox server did not start.")
        try:
            yield Sandbox(state, listener.getsockname()[1], server.loop)
        finally:
            server.should_exit = True
            thread.join()


def _listener(port: int) -> socket.socket:
    """A socket on the loopback.

    Its protocol is named, because asyncio turns Nagle's algorithm off only then; with it a small
    answer on a kept connection takes 40 ms.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def generated(
    countries: Iterable[str], invoices: int, seed: int, businesses_per_country: int
) -> list[Books]:
    """Books of so many businesses of each country."""
    return [
        generate_business(country, invoices=invoices, seed=seed, index=index)
        for country in countries
        for index in range(businesses_per_country)
    ]


def application(state: SandboxState) -> Starlette:
    """The ASGI application that serves a state."""

    async def authorise(request: Request) -> Response:
        return authorise_answer(state.tokens, state.sign_in, request)

    async def control(request: Request) -> Response:
        try:
            arguments = json.loads(await request.body() or b"{}")
            return JSONResponse(dispatch(state, request.path_params["operation"], arguments))
        except (ControlError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return Starlette(
        routes=[
            Mount(API, app=Gateway(state, partial(api_answer, state), API)),
            Route("/token", Gateway(state, partial(token_answer, state.tokens))),
            Route("/revoke", Gateway(state, partial(revoke_answer, state.tokens))),
            Route(AUTHORISE, authorise),
            Route(CONTROL + "/{operation}", control, methods=["GET", "POST"]),
        ]
    )


class _Protocol(H11Protocol):
    """Lets an application close its own connection: the transport stands in the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A server that says when it is up."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                date_header=False,  # the gateway writes it, by a clock that can be set
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )
        self.is_up = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.is_up.set()
