"""The source in a dlt pipeline of one's own, with what dlt users expect of a source."""

from __future__ import annotations

import dlt
import pytest
from dlt.common.schema.exceptions import DataValidationError
from dlt.common.schema.typing import TSchemaContract
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed
from shell import User

from sage_accounting import sage_accounting


@pytest.fixture
def books(signed_in: User, monkeypatch: pytest.MonkeyPatch) -> dlt.Pipeline:
    """A pipeline of the user's own, its warehouse in the user's folder."""
    monkeypatch.chdir(signed_in.folder)
    for name, value in signed_in.environment.items():
        monkeypatch.setenv(name, value)
    return dlt.pipeline(
        "own",
        destination=dlt.destinations.duckdb(str(signed_in.folder / "own.duckdb")),
        dataset_name="books",
    )


def products(contract: TSchemaContract | None = None) -> DltSource:
    source = sage_accounting(resources=["products"])
    if contract is not None:
        source.schema_contract = contract
    return source


def add_field(user: User) -> None:
    """Sage adds a field to a resource, as it may at any time."""
    for business in user.sandbox.state.businesses.values():
        key = next(iter(business.collections["products"].live))
        user.sandbox.control(
            "edit",
            business=business.id,
            op="change",
            resource="products",
            id=key,
            fields={"colour": "green"},
        )


def columns(pipeline: dlt.Pipeline) -> set[str]:
    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT column_name FROM (DESCRIBE products)")
    return {row[0] for row in rows or ()}


def test_new_field_becomes_a_column(books: dlt.Pipeline, signed_in: User) -> None:
    books.run(products())
    add_field(signed_in)
    books.run(products())
    assert "colour" in columns(books)


def test_frozen_columns_stop_a_new_field(books: dlt.Pipeline, signed_in: User) -> None:
    books.run(products())
    add_field(signed_in)
    with pytest.raises(PipelineStepFailed) as failed:
        books.run(products({"columns": "freeze"}))
    assert isinstance(failed.value.__context__, DataValidationError)


def test_discarded_columns_leave_the_record_without_the_new_field(
    books: dlt.Pipeline, signed_in: User
) -> None:
    books.run(products())
    before = columns(books)
    add_field(signed_in)
    books.run(products({"columns": "discard_value"}))
    assert columns(books) == before
