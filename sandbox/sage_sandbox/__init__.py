"""A Sage Accounting v3.1 server with coherent books for seven countries."""
