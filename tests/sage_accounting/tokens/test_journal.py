"""The journal under crashes, damage, full disks and wrong rights."""

import os
import resource
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sage_accounting.errors import TokenStoreError
from sage_accounting.tokens.crypt import Sealed
from sage_accounting.tokens.exchange import write_line
from sage_accounting.tokens.journal import Journal, format_answer, format_line, parse
from sage_accounting.tokens.steps import Step

TEXT = "gAAAAA" + "x" * 3000


def sealed(version: int) -> Sealed:
    return Sealed(version, version, TEXT + str(version))


def append(journal: Journal, record: Sealed) -> None:
    journal.reserve()
    try:
        journal.append(record)
    finally:
        journal.release()


def newest(path: Path) -> Sealed | None:
    return Journal(path).read().newest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sage_auth__test.journal"


def test_journal_that_does_not_exist_is_empty(path: Path) -> None:
    assert newest(path) is None


def test_appended_record_is_read_back(path: Path) -> None:
    append(Journal(path), sealed(1))
    append(Journal(path), sealed(2))
    assert newest(path) == sealed(2)


def test_older_record_after_a_newer_one_does_not_count(path: Path) -> None:
    append(Journal(path), sealed(2))
    append(Journal(path), sealed(1))
    assert newest(path) == sealed(2)


def test_generation_counts_before_version(path: Path) -> None:
    append(Journal(path), Sealed(3, 10, TEXT))
    append(Journal(path), Sealed(2, 11, TEXT))
    assert newest(path) == Sealed(3, 10, TEXT)


def test_space_claimed_and_not_used_is_given_back(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    before = path.read_bytes()
    journal.reserve()
    journal.release()
    assert path.read_bytes() == before


def test_compaction_leaves_the_newest_record_only(path: Path) -> None:
    journal = Journal(path)
    for version in (1, 2, 3):
        append(journal, sealed(version))
    journal.compact()
    assert path.read_bytes() == format_line(sealed(3))


def test_journal_is_readable_by_its_owner_only(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    journal.compact()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_journal_that_others_could_read_is_closed_to_them(path: Path) -> None:
    append(Journal(path), sealed(1))
    path.chmod(0o644)
    newest(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_journal_behind_a_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    append(Journal(tmp_path / "elsewhere"), sealed(1))
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TokenStoreError, match="Could not read"):
        newest(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_journal_of_another_user_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        append(Journal(path), sealed(1))
        Path(folder).chmod(0o755)
        path.chmod(0o666)
        os.chown(path, 12345, 12345)
        os.seteuid(65534)
        try:
            with pytest.raises(TokenStoreError, match="belongs to another user"):
                Journal(path).read()
        finally:
            os.seteuid(0)


def test_missing_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TokenStoreError, match=r"Could not write .* right to read and write"):
        Journal(tmp_path / "gone" / "journal").reserve()


def test_full_disk_stops_before_the_old_record_is_at_stake(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(TokenStoreError, match="Could not write"):
            journal.reserve()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before


def test_record_fits_into_the_space_that_was_claimed(path: Path) -> None:
    journal = Journal(path)
    journal.reserve()
    claimed = path.stat().st_size
    journal.append(sealed(1))
    assert path.stat().st_size == claimed


def keep_answer(path: Path, answer: Sealed) -> None:
    fd = os.open(path, os.O_RDWR)
    write_line(fd, format_answer(answer))
    os.close(fd)


def test_answer_counts_until_a_record_of_a_higher_generation_is_there(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    keep_answer(path, sealed(1))
    assert journal.read().answer == sealed(1)
    append(journal, sealed(2))
    assert journal.read().answer is None


def test_compaction_keeps_an_answer_of_which_no_record_came(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    keep_answer(path, sealed(1))
    journal.compact()
    assert (journal.read().newest, journal.read().answer) == (sealed(1), sealed(1))


def test_answer_and_record_fit_into_the_space_that_was_claimed(path: Path) -> None:
    journal = Journal(path)
    append(journal, sealed(1))
    journal.reserve()
    claimed = path.stat().st_size
    keep_answer(path, sealed(1))
    journal.append(sealed(2))
    assert path.stat().st_size == claimed


class Crashing:
    """Remembers the file as a crash would leave it at one step."""

    def __init__(self, path: Path, at: Step) -> None:
        self.path = path
        self.at = at
        self.left_behind = b""

    def __call__(self, step: Step) -> None:
        if step == self.at:
            self.left_behind = self.path.read_bytes()


@given(st.data())
def test_append_torn_at_any_byte_leaves_the_old_or_the_new_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    crash = Crashing(path, "before_journal")
    journal = Journal(path, crash)
    append(Journal(path), sealed(1))
    append(journal, sealed(2))
    written = path.read_bytes()
    torn_at = data.draw(st.integers(len(format_line(sealed(1))), len(written)))
    is_cut_short = data.draw(st.booleans())
    path.write_bytes(written[:torn_at] + (b"" if is_cut_short else crash.left_behind[torn_at:]))
    assert newest(path) in (sealed(1), sealed(2))


@given(st.data())
def test_garbled_byte_costs_no_other_record(data: st.DataObject) -> None:
    content = format_line(sealed(1)) + format_line(sealed(2))
    place = data.draw(st.integers(0, len(content) - 1))
    garbled = bytearray(content)
    garbled[place] ^= data.draw(st.integers(1, 255))
    found = parse(bytes(garbled)).newest
    assert found == (sealed(1) if place >= len(format_line(sealed(1))) else sealed(2)) or (
        # the line feed between the two: both lines are one damaged line then
        place == len(format_line(sealed(1))) - 1 and found is None
    )


def test_damaged_lines_are_counted() -> None:
    content = parse(b"sage-tokens-1 9 9 00000000 gAAAA\nrubbish\n\n" + format_line(sealed(1)))
    assert (content.damaged_lines, content.newest) == (2, sealed(1))


class JournalUnderCrashes(RuleBasedStateMachine):
    """Arbitrary interleavings of write, crash, damage at the end, recover and compact."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.path = self.folder / "journal"
        for file in self.folder.iterdir():
            file.unlink()
        self.journal = Journal(self.path)
        self.version = 0
        self.durable: int | None = None
        self.answered: int | None = None

    @precondition(lambda self: self.durable is not None)
    @rule()
    def crash_after_the_answer_was_kept(self) -> None:
        self.journal.reserve()
        keep_answer(self.path, sealed(self.durable or 0))
        self.journal = Journal(self.path)
        self.answered = self.durable

    @rule()
    def write(self) -> None:
        self.version += 1
        append(self.journal, sealed(self.version))
        self.durable = self.version

    @rule()
    def crash_after_the_space_was_claimed(self) -> None:
        self.journal.reserve()
        self.journal = Journal(self.path)

    @rule(share=st.floats(0, 1, exclude_max=True))
    def crash_in_the_middle_of_a_write(self, share: float) -> None:
        self.version += 1
        self.journal.reserve()
        line = format_line(sealed(self.version))
        with self.path.open("r+b") as file:
            content = file.read()
            file.seek(len(content.rstrip(b" \n")) + (1 if content.strip() else 0))
            file.write(line[: int(share * (len(line) - 1))])
        self.journal = Journal(self.path)

    @rule()
    def crash_before_the_compacted_file_is_in_place(self) -> None:
        self.path.with_suffix(".new").write_bytes(b"half a li")

    @rule()
    def compact(self) -> None:
        self.journal.compact()

    @invariant()
    def newest_durable_record_is_found(self) -> None:
        if not hasattr(self, "path"):
            return
        found = newest(self.path)
        assert (found and found.version) == self.durable

    @invariant()
    def answer_is_found_until_a_record_came_of_it(self) -> None:
        if not hasattr(self, "path") or self.answered is None:
            return
        answer = Journal(self.path).read().answer
        assert (answer is not None) == (self.answered == self.durable)


def test_no_interleaving_of_writes_and_crashes_loses_a_durable_record(tmp_path: Path) -> None:
    JournalUnderCrashes.folder = tmp_path
    quick = settings(max_examples=30, stateful_step_count=15)  # each write waits for the disk
    run_state_machine_as_test(JournalUnderCrashes, settings=quick)
