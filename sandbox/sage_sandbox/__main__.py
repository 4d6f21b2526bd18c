"""``python -m sage_sandbox``: serve until SIGTERM or Ctrl-C.

One JSON line on stdout tells the addresses and the application's credentials, as soon as connections
are accepted.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from sage_sandbox.server import COUNTRIES, running_sandbox


def main() -> None:
    options = _options()
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # before the server's thread inherits it
    with running_sandbox(
        countries=options.countries,
        invoices=options.invoices,
        seed=options.seed,
        businesses_per_country=options.businesses_per_country,
        port=options.port,
        latency_ms=options.latency_ms,
        token_lifetime=options.token_lifetime,
        requests_per_minute=options.requests_per_minute,
    ) as sandbox:
        sys.stdout.write(json.dumps(sandbox.urls) + "\n")
        sys.stdout.flush()
        signal.sigwait(stops)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sage_sandbox",
        description="A Sage Accounting v3.1 server with coherent books, on 127.0.0.1.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--countries", type=_countries, default=COUNTRIES, help="comma-separated")
    parser.add_argument("--invoices", type=int, default=200, help="of each business")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same books")
    parser.add_argument("--businesses-per-country", type=int, default=1, help="how many")
    parser.add_argument("--latency-ms", type=float, default=0, help="of every answer")
    parser.add_argument("--token-lifetime", type=float, default=300, help="seconds")
    parser.add_argument(
        "--requests-per-minute", type=int, default=0, help="of each business, 0 = unlimited"
    )
    return parser.parse_args()


def _countries(text: str) -> tuple[str, ...]:
    countries = tuple(country.strip().upper() for country in text.split(",") if country.strip())
    if not countries or set(countries) - set(COUNTRIES):
        raise argparse.ArgumentTypeError(f"countries are of {', '.join(COUNTRIES)}, not {text}")
    return countries


if __name__ == "__main__":
    main()
