"""The smallest HTTP/1.1 server: kept connections, whole bodies, 0.1 ms a request.

It is for servers whose own work must not count when a client on the same processor is measured.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One answer, always declared to be JSON."""

    status: int
    body: bytes

    def head(self) -> bytes:
        """Everything before the body."""
        return (
            b"HTTP/1.1 %d -\r\ncontent-type: application/json\r\ncontent-length: %d\r\ndate: %s\r\n\r\n"
            % (self.status, len(self.body), formatdate(usegmt=True).encode())
        )


async def serve(answer: Callable[[Call], Awaitable[Answer]]) -> None:
    """Serve on 127.0.0.1 until SIGTERM; one JSON line on stdout tells the ``base_url``."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                found = await answer(await _call(reader))
                writer.write(found.head())
                writer.write(found.body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(json.dumps({"base_url": url}), flush=True)
    await stop.wait()


async def _call(reader: asyncio.StreamReader) -> Call:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method, target, headers, body)
