"""The sage-elt command, its jobs and its destinations."""

import os

# Polars' allocator keeps freed memory for ten seconds, and a ledger of millions of entries then takes
# 1.2 GB instead of 0.9; it reads this when polars is first imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:0")
# Polars reads 128 groups of rows ahead and works on 100,000 rows at a time; on two cores as few as these
# are as fast, and the checks of 1 million ledger entries take 0.45 GB instead of 0.6.
os.environ.setdefault("POLARS_ROW_GROUP_PREFETCH_SIZE", "2")
os.environ.setdefault("POLARS_IDEAL_MORSEL_SIZE", "20000")
