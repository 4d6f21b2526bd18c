"""One request to the token address, whose answer is in the journal before anything else happens to it.

Run as a script, it is a process of its own: the one that asks for it may be killed at any moment, by the
kernel for its memory or by a person, and the answer still reaches the journal. It says ``ready`` on
stdout, reads one :class:`Order` from stdin, says ``sent`` when the request is on its way, and ends with
the :class:`Reply`, each on a line. Its lifetime also holds the locks whose descriptors it inherited.

It imports nothing of ours, so that it starts in 0.15 seconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

if __name__ == "__main__":
    # httpx imports a command line of its own where click is found, which takes as long as the rest.
    sys.modules["click"] = None  # type: ignore[assignment]

import httpx
from cryptography.fernet import Fernet

TIMEOUT = httpx.Timeout(10.0, read=30.0)
RECORD = "sage-tokens-1"
ANSWER = "sage-answer-1"
_KEPT_HEADERS = ("retry-after", "x_request_id")


@dataclass(frozen=True)
class Order:
    """What to ask, and where to keep the answer."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str]
    asked_at: float
    """POSIX time on the clock of the one who asks."""
    journal: str
    """Path of the journal; "" keeps no answer."""
    key: str = field(repr=False)
    """The Fernet key that seals the answer."""
    generation: int
    """Of the record whose refresh token is sent."""


@dataclass(frozen=True)
class Reply:
    """What came back. The body has secrets and is left out of ``repr``."""

    status: int = 0
    """0: no answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    problem: str = ""
    """Why there is no answer."""
    may_have_granted: bool = False
    """Sage may have seen the request all the same."""


@dataclass(frozen=True)
class KeptAnswer:
    """The content of an answer's line in the journal."""

    generation: int
    asked_at: float
    body: str = field(repr=False)


def exchange(order: Order, on_sent: Callable[[], None]) -> Reply:
    """Send, keep what Sage granted in the journal, tell. Raises nothing that holds the request."""

    def note_sent(event: str, _details: Mapping[str, Any]) -> None:
        if event.endswith("send_request_body.complete"):
            on_sent()

    try:
        with httpx.Client(timeout=TIMEOUT) as http:
            response = http.post(
                order.url,
                data=dict(order.form),
                headers=dict(order.headers),
                extensions={"trace": note_sent},
            )
            body = response.content.decode(errors="replace")
            if response.is_success and order.journal:
                _keep(order, body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        problem = f"{type(error).__name__}: {error}"
        return Reply(problem=problem, may_have_granted=not never_sent)
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return Reply(response.status_code, kept, body)


def sealed_line(kind: str, generation: int, version: int, text: str) -> bytes:
    """One line of the journal, with its line feed."""
    content = f"{generation} {version} {text}".encode("ascii")
    return b"%s %d %d %08x %s\n" % (
        kind.encode("ascii"),
        generation,
        version,
        zlib.crc32(content),
        text.encode("ascii"),
    )


def write_line(fd: int, line: bytes) -> None:
    """Write a line behind all that the file holds, over the space that is claimed for it."""
    end = end_of_lines(fd)
    # A line feed before it, should the line before be torn; a whole one has it at that place already.
    content, offset = (b"\n" + line, end - 1) if end else (line, 0)
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def end_of_lines(fd: int) -> int:
    """Where the next line begins: behind the line feed of the last one, claimed space left out."""
    content = os.pread(fd, os.fstat(fd).st_size, 0).rstrip(b" \n")
    return len(content) + 1 if content else 0


def _keep(order: Order, body: str) -> None:
    kept = json.dumps(asdict(KeptAnswer(order.generation, order.asked_at, body))).encode()
    text = Fernet(order.key).encrypt(kept).decode("ascii")
    # If the disk fails now, the answer still goes to the one who asked, who has other places.
    with suppress(OSError):
        fd = os.open(order.journal, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            write_line(fd, sealed_line(ANSWER, order.generation, 0, text))
            os.fsync(fd)
        finally:
            os.close(fd)


def _say(line: str) -> None:
    """To the one who asked, who may be dead."""
    with suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _main() -> None:
    # A service that is stopped signals all its processes, and this one is done in a moment.
    for stopping in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(stopping, signal.SIG_IGN)
    _say("ready")
    line = sys.stdin.readline()
    if line.endswith("\n"):
        _say(json.dumps(asdict(exchange(Order(**json.loads(line)), lambda: _say("sent")))))
    os._exit(0)


if __name__ == "__main__":
    _main()
