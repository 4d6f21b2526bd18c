"""Writes docs/reference/settings.md from the settings themselves: ``python scripts/make_settings_docs.py``.

Names and defaults are those that a run without any configuration resolves; what each means stands below,
and a setting without a meaning stops the script.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sage_accounting.settings import PREFIX, load_settings

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "settings.md"

_HEAD: Final = """\
# Settings

Set one in the environment, or in `.dlt/secrets.toml` or `.dlt/config.toml` of the folder that commands run in
(`.dlt/secrets.toml.example` is a start). The environment wins. `sage-elt doctor` tells what is missing or wrong.
Written by `scripts/make_settings_docs.py`, not by hand.

## Of the source

Section `[sources.sage_accounting]`; in the environment `SOURCES__SAGE_ACCOUNTING__CLIENT_ID` and so on.
A count of 0 is no limit.

| key | default | |
|---|---|---|
"""
_ELSEWHERE: Final = """
## Of the warehouse and the rest

These are dlt's own, or read where they are used.

| in the environment | in a file | default | |
|---|---|---|---|
| `DLT_DATA_DIR` | – | `~/.dlt` | folder of the pipelines' working folders, of the token journal and of the request budget |
| `DESTINATION__DUCKDB__CREDENTIALS` | `credentials` in `[destination.duckdb]` | `sage.duckdb` | file of the DuckDB warehouse |
| `DESTINATION__POSTGRES__CREDENTIALS` | `credentials` in `[destination.postgres]` | | address of a PostgreSQL warehouse; others likewise, by dlt's name of the destination |
| `TRANSFORMS__OVERRIDES` | `overrides` in `[transforms]` | `sage_overrides.csv` or `.toml` beside the warehouse | what your own [tax rates and accounts](../overrides.md) mean |
| `RUNTIME__DLTHUB_TELEMETRY` | `dlthub_telemetry` in `[runtime]` | `false` | dlt's own usage reports; off unless you ask for them |
| `SAGE_ELT_LOG_JSON` | – | | `1`: what people would read on stderr as one JSON object a line ([watch](../how-to/watch.md)) |
| `NO_COLOR` | – | | any value: no colours in the terminal |
"""
_MEANINGS: Final = {
    "client_id": "secret; of the application that you registered at developer.sage.com",
    "client_secret": "secret; likewise",
    "token_key": "secret; encrypts tokens wherever they are stored. Several, comma-separated, rotate: "
    "the first encrypts, all decrypt. See [tokens](../tokens.md)",
    "base_url": "where Sage's API is",
    "token_url": "where Sage gives tokens",
    "revoke_url": "where Sage takes them back",
    "authorize_url": "where a person signs in",
    "redirect_uri": "where Sage sends the browser afterwards; as registered, to the letter",
    "requests_per_minute": "requests of one business; Sage publishes no figure",
    "requests_per_day": "requests of one business; a sync that uses them up stops cleanly (exit 4) and goes on later",
    "app_requests_per_minute": "requests of all businesses of the application together",
    "app_requests_per_day": "likewise",
    "concurrency": "parallel requests of one process",
    "connection": "name of the signed-in Sage user, to whom tokens, selected businesses and cursors belong",
}
_REQUIRED: Final = ("client_id", "client_secret", "token_key")


def page() -> str:
    """The whole page."""
    with _unconfigured():
        found = asdict(load_settings())
    found["token_key"] = found.pop("token_keys")
    keys = [*_REQUIRED, *(key for key in found if key not in _REQUIRED)]
    rows = "".join(
        f"| `{key}` | {_default(key, found[key])} | {_MEANINGS[key]} |\n" for key in keys
    )
    return _HEAD + rows + _ELSEWHERE


def _default(key: str, value: object) -> str:
    return "required" if key in _REQUIRED else f"`{value}`"


@contextlib.contextmanager
def _unconfigured() -> Iterator[None]:
    """No setting but those that have no default, and a folder without files."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update({PREFIX + key.upper(): "-" for key in _REQUIRED})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
