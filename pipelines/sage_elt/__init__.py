"""The sage-elt command, its jobs and its destinations."""

import os

# Polars' allocator keeps freed memory for ten seconds, and a ledger of millions of entries then takes
# 1.2 GB instead of 0.9; it reads this when polars is first imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:0")
