"""The ASGI edge of the API and the token endpoint: log, latency, faults, and the answer's way out."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.types import Receive, Scope, Send

from sage_sandbox.answers import Answer, Call
from sage_sandbox.control import dispatch
from sage_sandbox.faults import Fault
from sage_sandbox.state import LoggedRequest, SandboxState

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Gateway:
    """An ASGI application around ``answer``, which sees no network and is run to its end at once."""

    def __init__(
        self,
        state: SandboxState,
        answer: Callable[[Call], Answer],
        mount: str = "",
    ) -> None:
        self._state = state
        self._answer = answer
        self._mount = mount

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        call = await self._read(scope, receive)
        entry = LoggedRequest(
            at=datetime.now(UTC),
            method=call.method,
            path=scope["path"],
            query=call.query,
            business=call.headers.get("x-business"),
            user_agent=call.headers.get("user-agent", ""),
            request_id=uuid.uuid4().hex,
        )
        state.request_log.append(entry)
        state.running += 1
        try:
            fault = state.faults.strike(call)
            entry.fault = fault.kind if fault else None
            delay_s = state.latency_s + (fault.delay_ms / 1000 if fault else 0.0)
            if delay_s:
                await asyncio.sleep(delay_s)
            answer = self._carry_out(call, fault)
            for operation in fault.operations if fault else ():
                arguments = {n: value for n, value in operation.items() if n != "operation"}
                dispatch(state, operation["operation"], arguments)
            if answer is None:
                await _cut(scope, receive, reset=True)
            else:
                entry.status = answer.status
                cut = fault is not None and fault.kind == "truncate"
                await _send(scope, receive, send, answer, self._own_headers(entry), cut=cut)
        finally:
            state.running -= 1

    def _own_headers(self, entry: LoggedRequest) -> dict[str, str]:
        """Of every answer; the date by the server's own clock, which may be ahead."""
        date = format_datetime(self._state.clock, usegmt=True)
        return {"x_request_id": entry.request_id, "date": date}

    async def _read(self, scope: Scope, receive: Receive) -> Call:
        method = scope["method"]
        return Call(
            method=method,
            path=scope["path"].removeprefix(self._mount),
            query=scope["query_string"].decode("ascii"),
            headers={name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]},
            body=b"" if method == "GET" else await _body(receive),
        )

    def _carry_out(self, call: Call, fault: Fault | None) -> Answer | None:
        """The answer, None for a connection that is cut without one."""
        if fault is None or fault.kind in ("slow", "truncate", "then"):
            return self._answer(call)
        if fault.kind == "malform":
            answer = self._answer(call)
            half = answer.body[: len(answer.body) // 2]
            return Answer(answer.status, half, answer.content_type, answer.headers)
        if fault.moment == "after":
            self._answer(call)
        return fault.answer() if fault.kind == "status" else None


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(
    scope: Scope,
    receive: Receive,
    send: Send,
    answer: Answer,
    own_headers: Mapping[str, str],
    *,
    cut: bool,
) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    named = {**own_headers, **answer.headers}
    headers += [(name.encode(), value.encode()) for name, value in named.items()]
    if answer.status == 204:
        headers = [header for header in headers if not header[0].startswith(b"content-")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if cut:
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await _cut(scope, receive, reset=False)
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _cut(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """Close the connection in the middle of an exchange; with ``reset`` the peer sees a reset."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if reset:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
