"""Airflow, imported so that the other tests of the process do not notice.

Its import makes a folder in the user's home and gives the root logger a handler and a level.
"""

from __future__ import annotations

import logging
import os
import tempfile

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
_root = logging.getLogger()
_handlers, _level = list(_root.handlers), _root.level

import airflow.sdk  # noqa: E402, F401 - after its home is set

_root.handlers[:] = _handlers
_root.setLevel(_level)
