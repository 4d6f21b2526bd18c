"""The life of a connection's tokens in one process and over restarts."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from sage_accounting.errors import (
    ClientCredentialsError,
    ReauthorisationError,
    SageUnreachableError,
    TokenKeyError,
)
from sage_accounting.tokens import Vault
from sage_accounting.tokens.clock import Clock


class SetClock:
    """Clocks that stand still until somebody sets them."""

    def __init__(self) -> None:
        self.wall = datetime.now(UTC)
        self.monotonic_s = 1000.0
        self.clock = Clock(lambda: self.wall, lambda: self.monotonic_s)

    def pass_time(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic_s += seconds


@pytest.fixture
def time() -> SetClock:
    return SetClock()


def test_connection_that_nobody_authorised_says_how_to_authorise_it(sage: Any) -> None:
    with pytest.raises(ReauthorisationError, match="sage-elt connect --connection acme"):
        sage.vault().bearer()


def test_status_before_any_authorisation_is_missing(sage: Any) -> None:
    assert sage.vault().status().state == "missing"


def test_status_after_sign_in_is_ok_for_31_days(sage: Any, time: SetClock) -> None:
    status = sage.signed_in(clock=time.clock).status()
    assert (status.state, status.generation) == ("ok", 1)
    assert status.refresh_expires_at == time.wall + timedelta(days=31)


def test_sign_in_brings_an_access_token_along(sage: Any) -> None:
    sage.signed_in().bearer()
    assert sage.refreshes == 0


def test_token_is_not_refreshed_before_4_of_5_minutes(sage: Any, time: SetClock) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(239)
    vault.bearer()
    assert sage.refreshes == 0


def test_token_is_refreshed_after_4_of_5_minutes(sage: Any, time: SetClock) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(240)
    vault.bearer()
    assert sage.refreshes == 1


def test_lifetime_that_sage_returns_counts(sage: Any, time: SetClock) -> None:
    sage.lifetime(100)
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(80)
    vault.bearer()
    assert sage.refreshes == 1


def test_each_refresh_raises_the_generation_by_one(sage: Any) -> None:
    vault = sage.signed_in()
    vault.refresh_after(vault.bearer())
    vault.refresh_after(vault.bearer())
    assert vault.status().generation == 3


@pytest.mark.parametrize("hours", [-1, 1])
def test_wall_clock_set_by_an_hour_burns_no_token(sage: Any, time: SetClock, hours: int) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.wall += timedelta(hours=hours)
    vault.bearer()
    assert sage.refreshes == 0


@pytest.mark.parametrize("hours", [-1, 1])
def test_process_with_another_wall_clock_refreshes_once(
    sage: Any, time: SetClock, hours: int
) -> None:
    sage.signed_in()
    time.wall += timedelta(hours=hours)
    vault = sage.vault(clock=time.clock)
    vault.bearer()
    vault.bearer()
    assert (sage.refreshes, sage.reused) == (1, 0)


def test_next_process_reuses_the_access_token_while_it_is_fresh(sage: Any) -> None:
    access_token = sage.signed_in().bearer()
    assert sage.vault().bearer() == access_token


def test_token_refreshed_by_another_process_is_taken_over(sage: Any) -> None:
    vault, other = sage.signed_in(), sage.vault()
    rejected = vault.bearer()
    renewed = other.refresh_after(rejected)
    assert vault.refresh_after(rejected) == renewed
    assert sage.refreshes == 1


def test_32_threads_that_find_the_token_expired_cause_one_refresh(
    sage: Any, time: SetClock
) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(300)
    together = threading.Barrier(32)

    def bearer() -> str:
        together.wait()
        return vault.bearer()

    with ThreadPoolExecutor(32) as pool:
        tokens = [future.result() for future in [pool.submit(bearer) for _ in range(32)]]
    assert (len(set(tokens)), sage.refreshes) == (1, 1)


def test_token_rejected_32_times_is_refreshed_once(sage: Any) -> None:
    vault = sage.signed_in()
    rejected = vault.bearer()
    with ThreadPoolExecutor(32) as pool:
        tokens = set(pool.map(vault.refresh_after, [rejected] * 32))
    assert rejected not in tokens
    assert sage.refreshes == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500, "body": "html"},
        {"kind": "status", "status": 503, "body": "empty"},
        {"kind": "status", "status": 429, "retry_after": "seconds"},
        {"kind": "reset"},
    ],
)
def test_refresh_that_sage_did_not_see_is_repeated_with_the_same_token(
    sage: Any, fault: dict[str, Any]
) -> None:
    vault = sage.signed_in()
    rejected = vault.bearer()
    sage.fault(**fault)
    vault.refresh_after(rejected)
    assert (sage.refreshes, sage.reused) == (1, 0)


def test_token_endpoint_that_stays_down_costs_no_token(sage: Any) -> None:
    vault = sage.signed_in()
    rejected = vault.bearer()
    sage.fault("status", status=503, count=3)
    with pytest.raises(SageUnreachableError, match="The tokens are kept"):
        vault.refresh_after(rejected)
    vault.refresh_after(rejected)
    assert (sage.refreshes, sage.reused) == (1, 0)


def lose_an_answer(sage: Any, vault: Vault) -> ReauthorisationError:
    rejected = vault.bearer()
    sage.lose_next_answer()
    with pytest.raises(ReauthorisationError) as caught:
        vault.refresh_after(rejected)
    return caught.value


@pytest.mark.parametrize("kind", ["reset", "truncate", "malform"])
def test_answer_lost_within_sages_grace_period_costs_nothing(sage: Any, kind: str) -> None:
    vault = sage.signed_in()
    rejected = vault.bearer()
    sage.fault(kind, moment="after")
    sage.sandbox.control("tokens", grace_s=60)
    try:
        assert vault.refresh_after(rejected) != rejected
    finally:
        sage.sandbox.control("tokens", grace_s=0)


def test_lost_answer_ends_in_a_message_with_the_cure(sage: Any) -> None:
    error = lose_an_answer(sage, sage.signed_in())
    assert "never arrived" in str(error)
    assert "Run: sage-elt connect --connection acme" in str(error)


def test_refused_token_is_never_sent_again(sage: Any) -> None:
    lose_an_answer(sage, sage.signed_in())
    reused = sage.reused
    with pytest.raises(ReauthorisationError, match="before"):
        sage.vault().bearer()
    assert sage.reused == reused


def test_status_after_a_refusal_is_reauthorise(sage: Any) -> None:
    lose_an_answer(sage, sage.signed_in())
    assert sage.vault().status().state == "reauthorise"


def test_signing_in_again_heals_a_refusal_and_keeps_the_selection(sage: Any) -> None:
    vault = sage.signed_in()
    vault.select(["b2", "b1"])
    lose_an_answer(sage, vault)
    healed = sage.signed_in()
    assert (healed.status().state, healed.selection()) == ("ok", ["b2", "b1"])


def test_wrong_client_secret_keeps_the_tokens(sage: Any) -> None:
    rejected = sage.signed_in().bearer()
    wrong = sage.vault(settings=sage.with_settings(client_secret="wrong"))
    with pytest.raises(ClientCredentialsError, match="SOURCES__SAGE_ACCOUNTING__CLIENT_SECRET"):
        wrong.refresh_after(rejected)
    sage.vault().refresh_after(rejected)
    assert (sage.refreshes, sage.reused) == (1, 0)


def test_status_31_days_later_is_reauthorise(sage: Any, time: SetClock) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(31 * 86400)
    assert vault.status().state == "reauthorise"


def test_status_warns_in_the_last_7_days_only(sage: Any, time: SetClock) -> None:
    vault = sage.signed_in(clock=time.clock)
    time.pass_time(23 * 86400)
    assert not vault.status().expires_soon
    time.pass_time(2 * 86400)
    assert vault.status().expires_soon


def test_selection_keeps_order_and_drops_doubles(sage: Any) -> None:
    vault = sage.vault()
    vault.select(["b2", "b1", "b2"])
    assert sage.vault().selection() == ["b2", "b1"]


def test_refresh_keeps_the_selection(sage: Any) -> None:
    vault = sage.signed_in()
    vault.select(["b1"])
    vault.refresh_after(vault.bearer())
    assert sage.vault().selection() == ["b1"]


def test_selecting_is_no_new_generation(sage: Any) -> None:
    vault = sage.signed_in()
    vault.select(["b1"])
    assert vault.status().generation == 1


def test_revoked_tokens_are_forgotten_and_the_selection_is_not(sage: Any) -> None:
    vault = sage.signed_in()
    vault.select(["b1"])
    vault.revoke()
    assert (sage.vault().status().state, sage.vault().selection()) == ("missing", ["b1"])


def test_revoked_access_token_is_not_handed_out(sage: Any) -> None:
    vault = sage.signed_in()
    vault.revoke()
    with pytest.raises(ReauthorisationError):
        vault.bearer()


def test_revoked_tokens_do_not_come_back_from_the_destination(sage: Any, destination: Path) -> None:
    sage.signed_in().revoke()
    shutil.rmtree(sage.pipelines_dir)
    assert sage.vault().status().state == "missing"


def wipe_working_folder(sage: Any) -> None:
    shutil.rmtree(sage.pipelines_dir)


def wipe_journal(sage: Any) -> None:
    sage.journal.unlink()


def wipe_journal_and_destination(sage: Any) -> None:
    sage.journal.unlink()
    sage.copy.unlink()


def wipe_all_but_the_journal(sage: Any) -> None:
    shutil.rmtree(sage.pipelines_dir / "sage_auth__acme")
    sage.copy.unlink()


@pytest.mark.parametrize(
    "wipe",
    [wipe_working_folder, wipe_journal, wipe_journal_and_destination, wipe_all_but_the_journal],
)
def test_any_one_of_the_three_places_is_enough_to_go_on(
    sage: Any, destination: Path, wipe: Callable[[Any], None]
) -> None:
    vault = sage.signed_in()
    vault.select(["b1"])
    rejected = vault.refresh_after(vault.bearer())
    wipe(sage)
    restored = sage.vault()
    restored.refresh_after(rejected)
    assert (restored.selection(), restored.status().generation, sage.reused) == (["b1"], 3, 0)


def test_all_three_places_gone_ends_in_the_cure(sage: Any, destination: Path) -> None:
    sage.signed_in()
    wipe_working_folder(sage)
    destination.unlink()
    with pytest.raises(ReauthorisationError, match="sage-elt connect"):
        sage.vault().bearer()


def test_old_backup_of_the_destination_does_not_win(sage: Any, destination: Path) -> None:
    vault = sage.signed_in()
    backup = destination.read_bytes()
    vault.refresh_after(vault.bearer())
    destination.write_bytes(backup)
    sage.vault().refresh_after(vault.bearer())
    assert sage.reused == 0


def test_old_backup_of_the_working_folder_does_not_win(sage: Any, destination: Path) -> None:
    vault = sage.signed_in()
    shutil.copytree(sage.pipelines_dir, sage.folder / "backup")
    rejected = vault.refresh_after(vault.bearer())
    wipe_working_folder(sage)
    shutil.copytree(sage.folder / "backup", sage.pipelines_dir)
    sage.vault().refresh_after(rejected)
    assert sage.reused == 0


def test_folder_put_back_under_a_running_process_is_a_cue_to_look_everywhere(
    sage: Any, destination: Path
) -> None:
    vault = sage.signed_in()
    shutil.copytree(sage.pipelines_dir, sage.folder / "backup")
    rejected = vault.refresh_after(vault.bearer())
    wipe_working_folder(sage)
    shutil.copytree(sage.folder / "backup", sage.pipelines_dir)
    assert vault.refresh_after(rejected) != rejected
    assert vault.status().state == "ok"


def test_wrong_token_key_keeps_what_is_stored(sage: Any) -> None:
    sage.signed_in()
    stored = sage.journal.read_bytes()
    with pytest.raises(TokenKeyError, match="token_key"):
        sage.vault(
            settings=sage.with_settings(token_keys=(Fernet.generate_key().decode(),))
        ).bearer()
    assert sage.journal.read_bytes() == stored


def test_sign_in_heals_a_lost_token_key(sage: Any) -> None:
    sage.signed_in()
    settings = sage.with_settings(token_keys=(Fernet.generate_key().decode(),))
    healed = sage.signed_in(settings=settings)
    assert (healed.status().state, healed.status().generation) == ("ok", 2)


def test_key_rotated_by_a_list_is_needed_no_more_after_the_next_refresh(sage: Any) -> None:
    new = Fernet.generate_key().decode()
    rejected = sage.signed_in().bearer()
    both = sage.vault(settings=sage.with_settings(token_keys=(new, *sage.settings.token_keys)))
    renewed = both.refresh_after(rejected)
    assert sage.vault(settings=sage.with_settings(token_keys=(new,))).bearer() == renewed


def test_destination_that_can_not_be_written_blocks_no_refresh(
    sage: Any, destination: Path
) -> None:
    vault = sage.signed_in()
    make_unwritable(destination)
    rejected = vault.bearer()
    assert vault.refresh_after(rejected) != rejected


def make_unwritable(destination: Path) -> None:
    destination.unlink()
    destination.mkdir()


def test_copy_that_failed_is_made_up_for_at_the_next_occasion(sage: Any, destination: Path) -> None:
    vault = sage.signed_in()
    make_unwritable(destination)
    renewed = vault.refresh_after(vault.bearer())
    destination.rmdir()
    vault.save_to_destination()
    wipe_working_folder(sage)
    assert sage.vault().bearer() == renewed
