"""A server that answers from memory what the sandbox answered once.

    python -m benchmarks.replay BASE_URL [LATENCY_MS]

The sandbox renders a page of invoices in 20 ms of the processor that it shares with who is being
measured; Sage's servers are elsewhere. Here an answer costs 0.2 ms, so that a ratio compares the
clients. What was not asked before is asked of BASE_URL and kept, unless it depends on the moment of asking.

``GET /_log`` lists what was asked since the last call: ``[seconds, business or "", target]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx

from benchmarks.plain_http import Answer, Call, serve


class Replay:
    """Answers kept by target and business."""

    def __init__(self, origin: str, latency_s: float) -> None:
        self._origin = origin
        self._latency_s = latency_s
        self._kept: dict[tuple[str, str], Answer] = {}
        self._log: list[tuple[float, str, str]] = []
        self._http = httpx.AsyncClient(timeout=120)

    async def answer(self, call: Call) -> Answer:
        if call.target == "/_log":
            log, self._log = self._log, []
            return Answer(200, json.dumps(log).encode())
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        key = call.target, call.headers.get("x-business", "")
        self._log.append((time.monotonic(), key[1], key[0]))
        if key in self._kept:
            return self._kept[key]
        passed = {n: v for n, v in call.headers.items() if n in ("authorization", "x-business")}
        answer = await self._http.get(self._origin + call.target, headers=passed)
        found = Answer(answer.status_code, answer.content)
        if "_since=" not in call.target and answer.status_code != 401:
            self._kept[key] = found
        return found


async def main(origin: str, latency_ms: str = "0") -> None:
    await serve(Replay(origin, float(latency_ms) / 1000).answer)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
