"""Lifetimes of codes and tokens, on a clock that the test holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_sandbox.tokens import InvalidGrantError, TokenDesk


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> TokenDesk:
    return TokenDesk(clock=clock)


def test_code_lives_sixty_seconds(desk: TokenDesk, clock: Clock) -> None:
    code = desk.issue_code("user", "http://localhost", "full_access")
    clock.now += 60
    with pytest.raises(InvalidGrantError):
        desk.exchange_code(code, "http://localhost")


def test_access_token_lives_as_long_as_it_says(desk: TokenDesk, clock: Clock) -> None:
    grant = desk.sign_in("user")
    clock.now += grant.expires_in_s - 0.1
    assert desk.judge(grant.access.text)[0] == "valid"
    clock.now += 0.1
    assert desk.judge(grant.access.text)[0] == "expired"


def test_refresh_token_lives_31_days(desk: TokenDesk, clock: Clock) -> None:
    token = desk.sign_in("user").refresh.text
    clock.now += 31 * 86_400
    with pytest.raises(InvalidGrantError):
        desk.refresh(token)


def test_grace_period_ends(desk: TokenDesk, clock: Clock) -> None:
    desk.grace_s = 10
    token = desk.sign_in("user").refresh.text
    desk.refresh(token)
    clock.now += 10
    with pytest.raises(InvalidGrantError):
        desk.refresh(token)
    assert len(desk.reused_refresh_tokens) == 1


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=40))
def test_no_refresh_token_works_twice(choices: list[int]) -> None:
    desk = TokenDesk()
    known = [desk.sign_in("user").refresh.text]
    used: set[str] = set()
    for choice in choices:
        token = known[choice % len(known)]
        try:
            known.append(desk.refresh(token).refresh.text)
        except InvalidGrantError:
            assert token in used
        else:
            assert token not in used
        used.add(token)
    assert desk.refreshes == len(known) - 1
