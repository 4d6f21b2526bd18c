"""After any history one sync without faults makes the raw schema equal Sage; ``make soak`` for long."""

from __future__ import annotations

import pytest
from history import History, history_settings
from hypothesis import seed
from hypothesis.stateful import run_state_machine_as_test


@pytest.mark.timeout(900)  # half a minute of work, on a machine that may have other work to do
def test_one_sync_after_any_history_makes_the_warehouse_equal_sage() -> None:
    run_state_machine_as_test(seed(7)(History), settings=history_settings(2, 4))
