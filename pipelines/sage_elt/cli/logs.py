"""The log on stderr: lines for people, or with ``--log-json`` one JSON object a line."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Final

from sage_elt.cli.console import Voice

_OURS: Final = ("sage_accounting", "sage_elt")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that each record has; what else one has was given as a field."""


class JsonLines(logging.Formatter):
    """Time (UTC), level, logger, message, and each field that the event was given.

    Of an exception only the type: its text can quote a customer's data.
    """

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info and record.exc_info[0]:
            event["exception"] = record.exc_info[0].__name__
        return json.dumps(event, default=str)


def set_up_logs(voice: Voice) -> None:
    """Everything with ``--verbose``; with ``--log-json`` at least our own events; else nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines()
        if voice.logs_json
        else logging.Formatter("%(asctime)s %(name)s %(message)s", "%H:%M:%S")
    )
    level = logging.INFO if voice.is_verbose else logging.ERROR
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if voice.logs_json and not voice.is_verbose:
        level = logging.WARNING if voice.is_quiet else logging.INFO
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    if not voice.is_verbose:
        os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
