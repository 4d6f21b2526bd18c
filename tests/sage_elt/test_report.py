"""The report: exact, escaped, the same bytes again, and never half of it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from export_books import write_books
from hypothesis import given
from hypothesis import strategies as st

from sage_elt.duckdb_file import duckdb_destination
from sage_elt.figures import amount_text
from sage_elt.report import Ageing, period, read_report, write_report
from sage_elt.warehouse import Warehouse, WarehouseError, WarehouseSettingError

Edited = Callable[..., Warehouse]


def warehouse_at(path: Path) -> Warehouse:
    return Warehouse(duckdb_destination(path), path)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    path = tmp_path_factory.mktemp("report") / "sage.duckdb"
    write_books(path, "GB", 5)
    return warehouse_at(path)


@pytest.fixture
def edited(books: Warehouse, tmp_path: Path) -> Edited:
    """A copy of the books after some statements."""

    def edit(*statements: str) -> Warehouse:
        copy = warehouse_at(tmp_path / "sage.duckdb")
        shutil.copyfile(books.path or "", copy.path or "")
        with copy.writing() as connection:
            for statement in statements:
                connection.execute(statement)
        return copy

    return edit


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=4, allow_nan=False))
def test_amount_on_the_page_is_the_amount(value: Decimal) -> None:
    assert Decimal(amount_text(value).replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.0000", "0.00"), ("1234.5000", "1,234.50"), ("-1.2345", "-1.2345"), ("7", "7.00")],
)
def test_amount_has_two_digits_and_those_that_count(value: str, text: str) -> None:
    assert amount_text(Decimal(value)) == text


def test_month_is_named_shortly_and_no_other_period() -> None:
    assert period(date(2026, 2, 1), date(2026, 2, 28)) == "2026-02"
    assert period(date(2026, 1, 1), date(2026, 3, 31)) == "2026-01-01 to 2026-03-31"


def test_credit_counts_against_what_is_owed() -> None:
    ageing = Ageing(
        "Customers owe",
        date(2026, 1, 1),
        [("A", {"current": Decimal(50)}), ("B", {"current": Decimal(-20), "d1_30": Decimal(15)})],
    )
    assert (ageing.totals["current"], ageing.totals["d1_30"]) == (30, 15)
    assert (ageing.shares["current"], ageing.shares["d1_30"]) == (100, 50)


def test_same_warehouse_gives_the_same_bytes(books: Warehouse, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(books, tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_page_is_for_its_owner_only(books: Warehouse, tmp_path: Path) -> None:
    write_report(books, tmp_path / "report.html")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600


def test_every_box_of_the_returns_is_on_the_page(books: Warehouse) -> None:
    (report,) = read_report(books)
    boxes = books.rows("SELECT count(*) FROM marts.vat_summary WHERE period_kind = 'return'")
    assert [(sum(len(vat.boxes) for vat in report.vat),)] == boxes != [(0,)]


def test_ageing_on_the_page_is_that_of_the_mart(books: Warehouse) -> None:
    (report,) = read_report(books)
    owed = books.rows(
        "SELECT sum(base_outstanding) FROM marts.aged_receivables WHERE as_of = ?",
        [report.facts["load_date"]],
    )
    assert [(sum(report.ageing[0].totals.values()),)] == owed


def test_business_with_nothing_open_shows_nothing_of_an_earlier_day(edited: Edited) -> None:
    copy = edited(
        "DELETE FROM marts.aged_receivables WHERE as_of <> last_day(as_of)",
        "DELETE FROM marts.aged_payables WHERE as_of <> last_day(as_of)",
        "CREATE TABLE unified._builds AS SELECT business_id, TIMESTAMPTZ '2026-07-01 08:00:00+00' AS built_at "
        "FROM unified.dim_business",
    )
    (report,) = read_report(copy)
    assert [(side.day, side.contacts) for side in report.ageing] == [(date(2026, 7, 1), [])] * 2


def test_name_of_a_customer_is_text_and_never_markup(edited: Edited, tmp_path: Path) -> None:
    copy = edited("UPDATE unified.dim_contact SET name = '<script>alert(''&'')</script>'")
    write_report(copy, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#39;&amp;&#39;)" in page


def test_business_without_books_is_still_shown(edited: Edited, tmp_path: Path) -> None:
    emptied = (
        ("unified", "fct_ledger_entry"),
        ("unified", "fct_document"),
        ("marts", "vat_summary"),
    )
    copy = edited(*(f'DELETE FROM "{schema}"."{table}"' for schema, table in emptied))
    write_report(copy, tmp_path / "report.html")
    assert "there is no return" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_warehouse_without_transforms_says_what_to_run(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "sage.duckdb")).close()
    with pytest.raises(WarehouseError, match="sage-elt run"):
        write_report(warehouse_at(tmp_path / "sage.duckdb"), tmp_path / "report.html")


def test_report_that_fails_leaves_the_earlier_one(books: Warehouse, tmp_path: Path) -> None:
    earlier = tmp_path / "report.html"
    earlier.write_text("earlier")
    with pytest.raises(WarehouseError):
        write_report(warehouse_at(tmp_path / "none.duckdb"), earlier)
    assert (list(tmp_path.iterdir()), earlier.read_text()) == ([earlier], "earlier")


def test_folder_that_is_not_there_is_named(books: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(WarehouseSettingError, match="--out"):
        write_report(books, tmp_path / "nowhere" / "report.html")
