"""A resource or a country is data: rows added to copies of the tables are enough, the code is the same.

Each test runs the unchanged packages from a folder of its own, in a process of its own, where only the
tables have more rows (docs/how-to/add-a-resource.md, docs/how-to/add-a-country-rule.md).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "sage_accounting": "sources",
    "sage_sandbox": "sandbox",
    "sage_unified": "transforms",
}

PRICE_LISTS = {
    # the list in the catalogue, and in the sandbox that stands for Sage
    "sage_accounting/catalogue.csv": [
        "price_lists,/price_lists,list,default,PriceList,id,0,0,,,items_per_page|page|attributes,"
        "attributes=all,,,*,,0,,,,,0,0"
    ],
    "sage_accounting/catalogue_fields.csv": [
        "PriceList,id,text",
        "PriceList,displayed_as,text",
        "PriceList,from,date",
        "PriceList,minimum,decimal",
    ],
    "sage_sandbox/collections.csv": [
        "price_lists,list,attributes|items_per_page|page,attributes,,,,,,0,*"
    ],
    "sage_sandbox/charts/reference.csv": [
        "price_lists,,TRADE,Trade,from=2026-01-01|minimum=12.50",
        "price_lists,,SPRING,Spring sale,from=2026-03-01|minimum=0.05",
    ],
}
SYNC = """
import json, pathlib, sys
import duckdb
from sage_sandbox.server import running_sandbox
from shell import new_user

with running_sandbox(countries=("GB", "FR"), invoices=1) as sandbox:
    user = new_user(pathlib.Path("user"), sandbox)
    user.folder = user.folder.resolve()
    user.connect()
    report = user.sync("--resource", "price_lists")
with duckdb.connect(str(user.warehouse)) as warehouse:
    sold = 'SELECT DISTINCT id, "from"::text, minimum::text FROM sage.sage.price_lists ORDER BY id'
    kinds = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'price_lists'"
    json.dump({
        "status": report["status"],
        "records": warehouse.sql(sold).fetchall(),
        "types": dict(warehouse.sql(kinds).fetchall()),
    }, sys.stdout)
"""

PORTUGAL = {
    "countries.csv": ["PT,EUR,SNC,,vat,92,91,Código do IVA; SNC (DL 158/2009),certain"],
    "vat_rates.csv": [
        "PT,,IVA,VAT,standard,21,2005-07-01,2010-06-30,Código do IVA art. 18",
        "PT,,IVA,VAT,standard,23,2011-01-01,,Código do IVA art. 18",
        "PT,,IVA,VAT,intermediate,13,2011-01-01,,Código do IVA art. 18",
        "PT,,IVA,VAT,reduced,6,2011-01-01,,Código do IVA art. 18",
    ],
    "tax_rules.csv": [
        r"P001,PT,85,name,\btaxa intermedia\b,nonzero,conflict,S,intermediate,both,domestic,VAT,,0,"
    ],
    "vat_boxes.csv": [
        "PT,Declaração periódica,3,Base à taxa normal,sum,net where direction=sale & "
        "rate_class=standard,2dp,Portaria 375/2003,certain",
        "PT,Declaração periódica,4,Imposto à taxa normal,sum,tax where direction=sale & "
        "rate_class=standard,2dp,Portaria 375/2003,certain",
        "PT,Declaração periódica,24,Imposto dedutível,sum,itc where direction=purchase,2dp,"
        "Portaria 375/2003,certain",
        "PT,Declaração periódica,91,Imposto a favor do sujeito passivo,calc,=24,2dp,Portaria "
        "375/2003,certain",
        "PT,Declaração periódica,92,Imposto a favor do Estado,calc,=4,2dp,Portaria 375/2003,certain",
        'PT,Declaração periódica,93,Imposto a entregar,calc,"=max(92-91,0)",2dp,Portaria '
        "375/2003,certain",
    ],
    "account_ranges.csv": [
        "PT,SNC,prefix,71,71,Vendas,income,sales,SNC (DL 158/2009),certain",
        "PT,SNC,prefix,21,21,Clientes,asset,receivable,SNC (DL 158/2009),certain",
    ],
}
CLASSIFY = """
import json, sys
from datetime import date
import polars as pl
import sage_unified as su

HISTORY = pl.List(pl.Struct({"percentage": pl.String, "from_date": pl.String, "to_date": pl.String}))
PARTS = pl.List(pl.Struct(
    {"id": pl.String, "name": pl.String, "percentage": pl.String, "percentages": HISTORY}
))
RATES = [  # id, name, figure, date of the document
    ("a" * 32, "IVA taxa normal", "23", date(2026, 5, 1)),
    ("b" * 32, "IVA taxa intermédia", "13", date(2026, 5, 1)),
    ("c" * 32, "IVA", "6", date(2026, 5, 1)),
    ("d" * 32, "IVA", "21", date(2009, 5, 1)),
    ("e" * 32, "IVA", "21", date(2026, 5, 1)),
]
rates = su.classify_tax_rates(pl.DataFrame(
    [
        {"country": "PT", "ni_based": False, "tax_rate_id": key, "name": name, "percentage": figure,
         "percentages": [], "is_combined_rate": False, "component_tax_rates": [], "retailer": False,
         "document_date": day}
        for key, name, figure, day in RATES
    ],
    schema_overrides={"percentages": HISTORY, "component_tax_rates": PARTS},
))
accounts = su.classify_ledger_accounts(pl.DataFrame({
    "country": ["PT"] * 2, "chart_standard": ["SNC"] * 2, "ledger_account_type_id": [None] * 2,
    "ledger_account_group_id": [None] * 2, "nominal_code": ["711", "2111"],
    "display_name": ["Vendas", "Clientes"], "control_name": [None] * 2,
}))
boxes = su.vat_return(pl.DataFrame({
    "direction": ["sale", "sale", "purchase"], "rate_class": ["standard", "reduced", "standard"],
    "rate": ["23", "6", "23"], "net": ["100.00", "50.00", "10.00"], "tax": ["23.00", "3.00", "2.30"],
}), "PT")
json.dump({
    "rates": [list(row) for row in rates.select("rate_class", "mapping_method").iter_rows()],
    "accounts": [list(r) for r in accounts.select("account_class", "account_subclass").iter_rows()],
    "boxes": {box: str(amount) for box, amount in boxes.select("box", "amount").iter_rows()},
}, sys.stdout)
"""


def with_rows(folder: Path, packages: Iterable[str], rows: Mapping[str, list[str]]) -> Path:
    """Copies of the packages in which the tables of these names have these rows as well."""
    for package in packages:
        shutil.copytree(
            ROOT / FOLDERS[package] / package,
            folder / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name, lines in rows.items():
        with (folder / name).open("a", encoding="utf-8") as table:
            table.write("".join(f"{line}\n" for line in lines))
    return folder


def answer(folder: Path, program: str) -> Any:
    """The JSON that a program writes which finds our packages in ``folder`` first."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def price_lists(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a sync brings of a list that the product did not know."""
    folder = tmp_path_factory.mktemp("lists")
    return answer(with_rows(folder, ["sage_accounting", "sage_sandbox"], PRICE_LISTS), SYNC)


def test_added_list_is_synced(price_lists: Any) -> None:
    assert price_lists["records"] == [
        ["SPRING", "2026-03-01", "0.050000000000"],
        ["TRADE", "2026-01-01", "12.500000000000"],
    ]


def test_added_list_has_the_types_of_its_rows(price_lists: Any) -> None:
    types = price_lists["types"]
    assert (types["from"], types["minimum"]) == ("DATE", "DECIMAL(38,12)")


@pytest.fixture(scope="module")
def portugal(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the transforms say of a country that they did not know."""
    rows = {f"sage_unified/rules/{name}": lines for name, lines in PORTUGAL.items()}
    return answer(with_rows(tmp_path_factory.mktemp("pt"), ["sage_unified"], rows), CLASSIFY)


def test_rates_of_an_added_country_are_classified(portugal: Any) -> None:
    assert portugal["rates"] == [
        ["standard", "name"],
        ["intermediate", "name"],
        ["reduced", "figure"],
        ["standard", "figure"],
        ["unknown", "unmapped"],
    ]


def test_accounts_of_an_added_chart_are_classified(portugal: Any) -> None:
    assert portugal["accounts"] == [["income", "sales"], ["asset", "receivable"]]


def test_return_of_an_added_country_has_its_boxes(portugal: Any) -> None:
    expected = {"3": "100", "4": "23", "24": "2.3", "91": "2.3", "92": "23", "93": "20.7"}
    found = {box: amount.rstrip("0").rstrip(".") for box, amount in portugal["boxes"].items()}
    assert found == expected
