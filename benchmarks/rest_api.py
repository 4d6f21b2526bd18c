"""The peer: dlt's own rest_api source, tuned as far as its settings go.

    python -m benchmarks.rest_api BASE_URL TOKEN BUSINESS_ID FOLDER

Pages of 200, sorted like ours; parquet files, two normalise workers, files small enough to share
them; no nested hints. Its paginators either read a page count, which Sage does not give, or stop at an
empty page, which Sage never sends; so a paginator of five lines stops on ``$next``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.pages import DOCUMENTS

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "EXTRACT__WORKERS": "8",
    "EXTRACT__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "10000",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__LOADER_FILE_FORMAT": "parquet",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "LOAD__WORKERS": "20",
}
AMOUNTS = ("total_amount", "net_amount", "tax_amount", "debit", "credit")


def main(base_url: str, token: str, business_id: str, folder: str) -> None:
    os.environ.update(SETTINGS)
    import dlt
    from dlt.sources.helpers.requests import Request, Response
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from dlt.sources.rest_api import rest_api_source

    class NextPage(BasePaginator):
        def __init__(self) -> None:
            super().__init__()
            self._page = 1

        def update_state(self, response: Response, data: list[Any] | None = None) -> None:
            self._has_next_page = bool(response.json()["$next"])
            self._page += 1

        def update_request(self, request: Request) -> None:
            given: Any = request.params or {}
            request.params = {**given, "page": str(self._page)}

    def resource(name: str, **params: str) -> Any:
        return {
            "name": name,
            "primary_key": "id",
            "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
            "parallelized": True,
            # whole amounts come as 100, others as 99.5: undeclared, dlt would split them in two columns
            "columns": {name: {"data_type": "decimal"} for name in AMOUNTS},
            "endpoint": {
                "path": name,
                "data_selector": "['$items']",
                "paginator": NextPage(),
                "params": {"items_per_page": "200", "attributes": "all", **params},
            },
        }

    source = rest_api_source(
        {
            "client": {
                "base_url": base_url + "/",
                "headers": {"Authorization": f"Bearer {token}", "X-Business": business_id},
            },
            "resources": [
                resource("sales_invoices", **DOCUMENTS),
                resource("purchase_invoices", **DOCUMENTS),
                resource("ledger_entries"),
            ],
        }
    )
    pipeline = dlt.pipeline(
        "rest_api",
        destination=dlt.destinations.duckdb(f"{folder}/books.duckdb"),
        dataset_name="sage",
        pipelines_dir=f"{folder}/pipelines",
    )
    pipeline.run(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
