"""Surrogate keys that are the same on every machine and in every version of the libraries."""

from __future__ import annotations

from hashlib import sha256

import polars as pl

_SEPARATOR = "\x1f"


def surrogate_key(*columns: str) -> pl.Expr:
    """The first 32 hexadecimal digits of the SHA-256 of the columns as text; a null is empty."""
    text = pl.concat_str(
        [pl.col(column).cast(pl.String).fill_null("") for column in columns], separator=_SEPARATOR
    )
    return text.map_batches(_digests, return_dtype=pl.String)


def _digests(texts: pl.Series) -> pl.Series:
    return pl.Series([sha256(text.encode()).hexdigest()[:32] for text in texts], dtype=pl.String)
