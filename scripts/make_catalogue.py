"""Write the catalogue of Sage Accounting v3.1 from its published specification.

    make catalog SPEC=path/to/openapi-3.1.json

Three tables result, all reviewed like code:

``sources/sage_accounting/catalogue.csv``          one row a collection
``sources/sage_accounting/catalogue_fields.csv``   one row a field of each model that a GET returns
``sources/sage_accounting/catalogue_writes.csv``   one row a field of each body that is POSTed or PUT

The specification is Sage's and stays out of the repository. What it does not say stands below as
data, each with its reason.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "sources" / "sage_accounting"

COUNTRIES = ("CA", "DE", "ES", "FR", "GB", "IE", "US")

NEVER_READ = {
    "tax_determinations",  # a calculator: needs a document's line as arguments
    "migrations",  # a tool that changes the business's state
}
KEYS = {
    # models without an id: one row a currency pair
    "business_exchange_rates": "currency__id|base_currency__id",
    "exchange_rates": "currency__id|base_currency__id",
    "live_exchange_rates": "currency__id|base_currency__id",
}
COMPLETE = (
    # list parameters that make a record complete, sent wherever the collection knows them
    ("attributes", "all"),
    ("nested_attributes", "all"),
    ("show_payments_allocations", "true"),
    ("include_historical_data", "true"),
    ("include_destination_vat_rates", "true"),
)
ITEM = (
    # by-id reads: never mark a customer's document as sent
    ("mark_as_sent", "false"),
    ("show_payments_allocations", "true"),
)
NESTED = (("nested_attributes", "all"),)  # a read by id must show what the list shows
SHOWN_BY = {
    # child lists that a read by id has only with a parameter, which we do not send
    "corrections": "show_corrections",
    "analysis_type_categories": "show_analysis_types",
}
SERIAL = {  # numbered by Sage in sequence: no two parallel creations in one business
    "contacts",
    "products",
    "sales_invoices",
    "sales_estimates",
    "sales_quotes",
    "purchase_invoices",
}
NOT_IDEMPOTENT = {  # take POST, but Sage's idempotency page does not list them
    "attachments",
    "purchase_corrective_invoices",
    "sales_corrective_invoices",
    "analysis_type_categories",
    "tax_rates",
}
VOID = {"sales_invoices", "sales_credit_notes", "sales_corrective_invoices"}
SOFT_FLAGS = ("deleted", "deleted_at")
RATE_FIELDS = {"exchange_rate", "inverse_exchange_rate", "rate", "inverse_rate"}
TYPES: dict[tuple[str | None, str | None], str] = {
    ("string", "date-time"): "timestamp",
    ("string", "date"): "date",
    ("string", None): "text",
    ("number", "double"): "decimal",
    ("integer", "int32"): "integer",
    ("boolean", None): "boolean",
}
FIELD_TYPES = {
    # declared as text in the specification, numbers in fact,
    ("Transaction", "number_of_attachments"): "integer",
    ("UnpostedTransaction", "amount"): "decimal",
    # and dates
    ("LedgerAccountBalanceDetails", "from_date"): "date",
    ("LedgerAccountBalanceDetails", "to_date"): "date",
    ("PurchaseCorrectiveInvoice", "original_invoice_date"): "date",
    ("SalesCorrectiveInvoice", "original_invoice_date"): "date",
}
HAND_ROWS: tuple[dict[str, str], ...] = (
    # user belongs to no business and is personal data that no table needs; trial_balance is on the
    # portal's page but not in the specification, its parameters are unverified
    # businesses and user are asked without X-Business
    {
        "name": "businesses",
        "kind": "account_list",
        "model": "Business",
        "parameters": "attributes",
        "complete": "attributes=all",
        "read": "default",
    },
    {
        # Sage's own balances, to tie the ledger to: all entries ever, so that no clock is needed
        "name": "_ledger_account_balances",
        "path": "/ledger_accounts",
        "kind": "list",
        "model": "LedgerAccount",
        "key": "id",
        "parameters": "attributes|show_balance_details|exclude_deleted_entries|from_date|to_date"
        "|items_per_page|page",
        "complete": "attributes=balance_details&show_balance_details=true"
        "&exclude_deleted_entries=true&from_date=1900-01-01&to_date=2999-12-31",
        "role_area": "Journals",
        "read": "default",
    },
    {"name": "user", "kind": "account", "model": "User", "read": "never"},
    {"name": "trial_balance", "kind": "list", "model": "Base", "read": "request"},
)
HAND_FIELDS = (
    ("Business", "id", "text"),
    ("Business", "displayed_as", "text"),
    ("Business", "$path", "text"),
    ("Business", "name", "text"),
    ("Business", "country", "Base"),
    ("Business", "is_demo", "boolean"),
    ("Business", "ni_based", "boolean"),
    ("Business", "created_at", "timestamp"),
    ("Business", "updated_at", "timestamp"),
    ("Business", "deleted_at", "timestamp"),
    ("Business", "subscriptions", "Subscription[]"),
    ("Subscription", "active", "boolean"),
    ("Subscription", "status", "text"),
    ("User", "id", "text"),
    ("User", "displayed_as", "text"),
    ("User", "$path", "text"),
    ("User", "first_name", "text"),
    ("User", "last_name", "text"),
    ("User", "email", "text"),
    ("User", "locale", "text"),
    ("User", "created_at", "timestamp"),
    ("User", "updated_at", "timestamp"),
)
COLUMNS = (
    "name",
    "path",
    "kind",
    "read",
    "model",
    "key",
    "updated_since",
    "deleted_since",
    "soft_delete",
    "sort",
    "parameters",
    "complete",
    "item_parameters",
    "children",
    "countries",
    "role_area",
    "dated",
    "post_namespace",
    "post_required",
    "put_namespace",
    "delete",
    "idempotent",
    "serial",
)


def main(spec_path: str) -> None:
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    rows = [*map(complete_row, collections(spec)), *map(complete_row, HAND_ROWS)]
    rows.sort(key=lambda row: row["name"])
    write(PACKAGE / "catalogue.csv", COLUMNS, rows)
    fields = sorted({*model_fields(spec), *HAND_FIELDS})
    write(
        PACKAGE / "catalogue_fields.csv",
        ("model", "field", "type"),
        [dict(zip(("model", "field", "type"), field, strict=True)) for field in fields],
    )
    written = sorted(write_fields(spec))
    columns = ("resource", "method", "field", "type", "required")
    write(
        PACKAGE / "catalogue_writes.csv",
        columns,
        [dict(zip(columns, field, strict=True)) for field in written],
    )
    print(f"{len(rows)} collections, {len(fields)} fields, {len(written)} fields of bodies")


def write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def complete_row(row: dict[str, str]) -> dict[str, str]:
    return {column: row.get(column, "") for column in COLUMNS} | {
        "path": row.get("path", "/" + row["name"]),
        "countries": row.get("countries", "*"),
    }


def collections(spec: dict[str, Any]) -> Iterator[dict[str, str]]:
    for path, methods in spec["paths"].items():
        name = path.removeprefix("/")
        if "{" in path or "get" not in methods:
            continue
        item = spec["paths"].get(path + "/{key}", {})
        get = methods["get"]
        schema = get["responses"]["200"]["schema"]
        listed = schema.get("type") == "array"
        model = reference(schema["items"] if listed else schema)
        fields = spec["definitions"][model]["properties"]
        by_id = parameters(item.get("get", {}))
        known = [parameter["name"] for parameter in get["parameters"] if parameter["in"] == "query"]
        post, put = methods.get("post", {}), item.get("put", methods.get("put", {}))
        namespace, required = body(spec, post)
        yield {
            "name": name,
            "kind": "list" if listed else "singleton",
            "read": "never" if name in NEVER_READ else "default",
            "model": model,
            "key": KEYS.get(name, "id" if listed else ""),
            "updated_since": flag("updated_or_created_since" in known),
            "deleted_since": flag("deleted_since" in known),
            "soft_delete": next((field for field in SOFT_FLAGS if field in fields), ""),
            "sort": "|".join(sort_attributes(get)),
            "parameters": "|".join(known),
            "complete": query(COMPLETE, known),
            "item_parameters": query([*ITEM, *(p for p in NESTED if p[0] in known)], by_id),
            "children": "|".join(
                field
                for field, schema in fields.items()
                if schema.get("type") == "array" and SHOWN_BY.get(field) not in by_id
            ),
            "countries": countries(get["description"]),
            "role_area": "|".join(
                dict.fromkeys(re.findall(r"[Aa]rea:? `([^`]+)`", get["description"]))
            ),
            "dated": flag({"from_date", "to_date"} <= set(known) and "date" in fields),
            "post_namespace": namespace,
            "post_required": "|".join(required),
            "put_namespace": body(spec, put)[0],
            "delete": "" if "delete" not in item else "void" if name in VOID else "delete",
            "idempotent": flag(bool(post) and name not in NOT_IDEMPOTENT),
            "serial": flag(name in SERIAL),
        }


def parameters(operation: dict[str, Any]) -> list[str]:
    return [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]


def query(wanted: tuple[tuple[str, str], ...], known: list[str]) -> str:
    return "&".join(f"{name}={value}" for name, value in wanted if name in known)


def reference(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def flag(value: bool) -> str:
    return "1" if value else "0"


def sort_attributes(get: dict[str, Any]) -> list[str]:
    for parameter in get["parameters"]:
        if parameter["name"] == "sort":
            words = re.findall(r"[a-z]+(?:_[a-z]+)*", parameter["description"])
            return list(
                dict.fromkeys(w for w in words if w == "date" or w.endswith(("_at", "_date")))
            )
    return []


def countries(description: str) -> str:
    """``*``, or the countries named. Flags stand as pairs of regional indicator letters.

    Germany is in no ordinary list of the specification, though German tenants exist: a collection
    that names four countries or more is taken to be general and is tried there too.
    """
    letters = [
        chr(ord(c) - 0x1F1E6 + ord("A")) for c in description if 0x1F1E6 <= ord(c) <= 0x1F1FF
    ]
    named = {"".join(pair) for pair in zip(letters[::2], letters[1::2], strict=True)}
    if len(named) >= 4:
        named.add("DE")
    return "*" if not named or named == set(COUNTRIES) else "|".join(sorted(named))


def body(spec: dict[str, Any], operation: dict[str, Any]) -> tuple[str, list[str]]:
    namespace, schema = body_schema(spec, operation)
    return namespace, schema.get("required", [])


def body_schema(spec: dict[str, Any], operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The namespace of what an operation is sent, and the schema inside it."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "body":
            schema = spec["definitions"][reference(parameter["schema"])]
            ((namespace, inner),) = schema["properties"].items()
            return namespace, resolve(spec, inner)
    return "", {}


def write_fields(spec: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Resource, method, field (``invoice_lines.quantity`` inside a list or object), type, required.

    Types as in :func:`field_type`, and ``object``.
    """
    for path, methods in spec["paths"].items():
        name = path.removeprefix("/")
        if "{" in path or "get" not in methods or name in NEVER_READ:
            continue
        item = spec["paths"].get(path + "/{key}", {})
        for method, operation in (
            ("POST", methods.get("post", {})),
            ("PUT", item.get("put", methods.get("put", {}))),
        ):
            _, schema = body_schema(spec, operation)
            for field, kind, required in schema_fields(spec, schema):
                yield name, method, field, kind, flag(required)


def schema_fields(
    spec: dict[str, Any], schema: dict[str, Any], within: str = ""
) -> Iterator[tuple[str, str, bool]]:
    for field, given in schema.get("properties", {}).items():
        inner = resolve(spec, given)
        is_list = inner.get("type") == "array"
        if is_list:
            inner = resolve(spec, inner.get("items") or {})
        is_object = "properties" in inner or inner.get("type") == "object"
        kind = (
            "object" if is_object else TYPES.get((inner.get("type"), inner.get("format")), "text")
        )
        name = within + field
        if not is_object and field in RATE_FIELDS:
            kind = "rate"
        yield name, kind + "[]" * is_list, field in schema.get("required", ())
        if is_object:
            yield from schema_fields(spec, inner, name + ".")


def resolve(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["definitions"][reference(schema)] if "$ref" in schema else schema
    return found


def model_fields(spec: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    pending = [
        reference_of_get(methods["get"])
        for path, methods in spec["paths"].items()
        if "get" in methods
    ]
    seen: set[str] = set()
    while pending:
        model = pending.pop()
        if model is None or model in seen:
            continue
        seen.add(model)
        for field, schema in spec["definitions"][model].get("properties", {}).items():
            kind = field_type(model, field, schema)
            yield model, field, kind
            if kind[0].isupper():
                pending.append(kind.removesuffix("[]"))


def reference_of_get(get: dict[str, Any]) -> str | None:
    schema = get["responses"].get("200", {}).get("schema", {})
    schema = schema.get("items", schema)
    return reference(schema) if "$ref" in schema else None


def field_type(model: str, field: str, schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return reference(schema)
    if schema["type"] == "array":
        items = schema.get("items") or {}
        return (reference(items) if "$ref" in items else "text") + "[]"
    if field in RATE_FIELDS:
        return "rate"
    return FIELD_TYPES.get((model, field)) or TYPES[schema["type"], schema.get("format")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make catalog SPEC=path/to/the/published/specification.json")
    main(sys.argv[1])
