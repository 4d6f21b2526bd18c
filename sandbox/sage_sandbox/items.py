"""Products, services and stock items, their prices, and the movements of stock."""

from __future__ import annotations

from decimal import Decimal

from sage_sandbox.charts.tables import Row, rows
from sage_sandbox.ledger import Ledger
from sage_sandbox.records import ZERO, cents, hex_id, stub, stub_of
from sage_sandbox.store import Record

COLLECTIONS = {"product": "products", "service": "services", "stock": "stock_items"}

_PRICE_TYPES = (
    ("Sales price", Decimal(1)),
    ("Trade", Decimal("0.9")),
    ("Wholesale", Decimal("0.8")),
)


def add_price_types(ledger: Ledger, at: str) -> None:
    """Store the price types of products and the rate types of services."""
    for resource, last in (("product_sales_price_types", 3), ("service_rate_types", 1)):
        for name, _ in _PRICE_TYPES[:last]:
            label = name if last > 1 else "Rate"
            type_id = ledger.new_id(resource)
            record = {
                **stub(resource, type_id, label),
                "created_at": at,
                "updated_at": at,
                "name": label,
                "active": True,
            }
            ledger.put(resource, record)


def add_items(ledger: Ledger, at: str) -> None:
    """Store the items of the country's table."""
    for row in rows("items"):
        if row["country"] == ledger.business.country:
            ledger.put(COLLECTIONS[row["kind"]], _item(ledger, row, at))


def move_stock(
    ledger: Ledger, item_id: str, quantity: Decimal, details: str, day: str, at: str
) -> Record:
    """Store a stock movement (in positive, out negative) and bring its item up to date."""
    item = ledger.collection("stock_items").live[item_id]
    movement_id = ledger.new_id("stock_movements")
    number = f"SM-{ledger.number('stock_movements')}"
    held = item["quantity_in_stock"] + quantity
    value = cents(held * item["cost_price"])
    ledger.update(
        "stock_items",
        item_id,
        at,
        quantity_in_stock=held,
        last_cost_price=item["cost_price"],
        last_cost_price_stock_value=value,
        average_cost_price=item["cost_price"],
        average_cost_price_stock_value=value,
        cost_price_last_updated=day,
    )
    return ledger.put(
        "stock_movements",
        {
            **stub("stock_movements", movement_id, number),
            "links": [],
            "created_at": at,
            "updated_at": at,
            "movement_number": number,
            "date": day,
            "cost_price": item["cost_price"],
            "quantity": quantity,
            "details": details,
            "reference": None,
            "stock_item": stub_of(item),
        },
    )


def name_suppliers(ledger: Ledger, suppliers: list[Record], at: str) -> None:
    """Say of every second item from whom it is usually bought."""
    for resource in COLLECTIONS.values():
        for number, item in enumerate(list(ledger.collection(resource))):
            if number % 2 == 0:
                supplier = stub_of(suppliers[number % len(suppliers)])
                ledger.update(resource, item["id"], at, usual_supplier=supplier)


def discontinue_a_product(ledger: Ledger, at: str, until: str) -> None:
    """Leave the tombstone of a product that was never sold."""
    product = dict(next(iter(ledger.collection("products"))))
    product_id = hex_id(ledger.business.id, "products", "X900")
    name = f"{product['description']} (old)"
    product |= {**stub("products", product_id, name), "description": name, "item_code": "X900"}
    ledger.put("products", {**product, "created_at": at, "updated_at": at, "sales_prices": []})
    ledger.collection("products").delete(product_id, until)


def _item(ledger: Ledger, row: Row, at: str) -> Record:
    kind = row["kind"]
    resource = COLLECTIONS[kind]
    item_id = hex_id(ledger.business.id, resource, row["code"])
    service = kind == "service"
    rate = ledger.rates[row["tax"]].stub
    purchase_rate = ledger.rates["no_tax"] if ledger.business.country == "US" else None
    record: Record = {
        **stub(resource, item_id, row["description"]),
        "created_at": at,
        "updated_at": at,
        "deleted_at": None,
        "deletable": False,
        "deactivatable": True,
        "used_on_recurring_invoice": False,
        "item_code": row["code"],
        "description": row["description"],
        "notes": None,
        "sales_ledger_account": ledger.account("sales_services" if service else "sales_goods"),
        "purchase_ledger_account": ledger.account("cost_services" if service else "cost_goods"),
        "sales_tax_rate": rate,
        "purchase_tax_rate": purchase_rate.stub if purchase_rate else rate,
        "source_guid": None,
        "purchase_description": row["description"],
        "usual_supplier": None,
        "active": True,
        "cost_price": Decimal(row["cost"]),
    }
    prices = _prices(ledger, item_id, Decimal(row["price"]), service, at)
    if service:
        return {**record, "sales_rates": prices, "oss_service": False}
    record["sales_prices"] = prices
    if kind == "product":
        record["catalog_item_type"] = ledger.name("catalog_item_types", "NON_STOCK_ITEM")
        return record
    return {
        **record,
        "reorder_level": Decimal(10),
        "reorder_quantity": Decimal(50),
        "location": "A1",
        "barcode": f"50{int(item_id[:10], 16) % 10**11:011d}",
        "supplier_part_number": f"{row['code']}-X",
        "weight": Decimal("1.5"),
        "measurement_unit": "kg",
        "weight_converted": Decimal(1500),
        "quantity_in_stock": ZERO,
        "last_cost_price": ZERO,
        "last_cost_price_stock_value": ZERO,
        "average_cost_price": ZERO,
        "average_cost_price_stock_value": ZERO,
        "cost_price_last_updated": None,
    }


def _prices(ledger: Ledger, item_id: str, price: Decimal, service: bool, at: str) -> list[Record]:
    types = "service_rate_types" if service else "product_sales_price_types"
    word, ref = ("rate", "service_rate_type") if service else ("price", "product_sales_price_type")
    records = []
    for price_type, (_, factor) in zip(ledger.collection(types), _PRICE_TYPES, strict=False):
        records.append(
            {
                "id": hex_id(item_id, price_type["id"]),
                "displayed_as": price_type["name"],
                "created_at": at,
                "updated_at": at,
                f"{word}_name": price_type["name"],
                word: cents(price * factor),
                f"{word}_includes_tax": False,
                ref: stub_of(price_type),
            }
        )
    return records
