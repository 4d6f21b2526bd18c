"""Writes docs/reference/resources.md from the catalogue: ``python scripts/make_catalogue_docs.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sage_accounting.catalogue import Collection, load_catalogue, load_fields

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "resources.md"

_HEAD: Final = """\
# Resources

Everything that Sage Accounting v3.1 offers to read, and what is done with it. To read some of it:
`sage-elt sync --resource sales_invoices --resource contacts`. Written from
`sources/sage_accounting/catalogue.csv` by `scripts/make_catalogue_docs.py`, not by hand;
[a new resource](../how-to/add-a-resource.md) is a row there.

- **read**: `default`, in every sync; `request`, only when named with `--resource` (personal data, files);
  `never`, because asking calculates or changes something. A name with `_` in front is our own second view of a
  list of Sage.
- **changes**: `since`, Sage lists what changed; `all`, the list is read whole.
- **deletions**: `since`, Sage lists what was deleted; `flag`, the record stays and says so itself;
  `compare`, ids are compared with those of the warehouse ([how](../concepts/incremental.md)).
- **write**: what `sage-elt push` can do; `once` means that Sage itself recognises a repeated POST.
"""
_MODELS: Final = """
## Fields

What a record of each resource can have, as Sage's specification declares it. A table has a column for each
field that Sage in fact sends, a nested object's under `object__field`, a list in a table of its own
(`sales_invoices__invoice_lines`). Amounts (`decimal`) are DECIMAL(38, 12), rates (`rate`) DECIMAL(38, 18), a
`timestamp` is TIMESTAMPTZ. A field that Sage adds later becomes a column without a new release. The table of
each collection also has `business_id`; tables of lists have `business_id`, `_root_id`, `_list_idx`, and
`_parent_list_idx` where they hang on another list.
"""


def page() -> str:
    """The whole page."""
    collections = load_catalogue().values()
    lines = [
        _HEAD,
        "| resource | read | key | changes | deletions | countries | role needed in | write |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(collection) for collection in collections),
        _MODELS,
    ]
    models = load_fields()
    for name, fields in models.items():
        lines.append(f"### {name}\n")
        if used := [each.name for each in collections if each.model == name]:
            lines.append("Of " + ", ".join(f"`{each}`" for each in used) + ".\n")
        lines.append(", ".join(_field(field, kind) for field, kind in fields.items()) + "\n")
    return "\n".join(lines)


def _row(collection: Collection) -> str:
    cells = (
        f"`{collection.name}`",
        collection.read,
        ", ".join(f"`{column}`" for column in collection.key) or "one record",
        "since" if collection.updated_since else "all",
        _deletions(collection),
        ", ".join(sorted(collection.countries)) if collection.countries else "all",
        " or ".join(collection.role_area),
        _writes(collection),
    )
    return f"| {' | '.join(cells)} |"


def _deletions(collection: Collection) -> str:
    ways = ("since" * collection.deleted_since, "flag" * (collection.soft_delete is not None))
    return ", ".join(filter(None, ways)) or "compare"


def _writes(collection: Collection) -> str:
    create = "create once" if collection.idempotent else "create"
    ways = (
        create * (collection.post_namespace is not None),
        "change" * (collection.put_namespace is not None),
    )
    return ", ".join(filter(None, ways))


def _field(name: str, kind: str) -> str:
    """A scalar's type in plain, a nested model as a link to it."""
    model = kind.removesuffix("[]")
    listed = "list of " * kind.endswith("[]")
    shown = f"[{model}](#{model.lower()})" if model in load_fields() else model
    return f"`{name.removeprefix('$')}` {listed}{shown}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
