"""The ASGI edge of the API and the token endpoint: log, latency, faults, and the answer's way out."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.types import Receive, Scope, Send

from sage_sandbox.answers import Answer, Call
from sage_sandbox.edits import VOIDABLE  # noqa: F401
from sage_sandbox.faults import Fault
from sage_sandbox.state import LoggedRequest, SandboxState
