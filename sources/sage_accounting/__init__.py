"""Sage Accounting (API v3.1) as a dlt source.

::

    import dlt
    from sage_accounting import sage_accounting

    pipeline = dlt.pipeline("books", destination="duckdb", dataset_name="sage")
    pipeline.run(sage_accounting(resources=["sales_invoices"]))
"""

from sage_accounting.report import Outcome, SyncReport
from sage_accounting.source import sage_accounting

__all__ = ["Outcome", "SyncReport", "sage_accounting"]
