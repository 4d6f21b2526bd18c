"""Reports over the unified schema, one module a report."""
