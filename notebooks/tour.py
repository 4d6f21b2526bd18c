import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Tour of the books")

with app.setup:
    import altair as alt
    import marimo as mo
    import polars as pl

    import sage_unified
    from sage_elt.figures import amount_text, figures_of
    from sage_elt.warehouse import WarehouseError, open_warehouse

    MOMENTS = {
        "last_change": "last change",
        "loaded_at": "last load",
        "built_at": "transformed",
    }


@app.function
def plain(frame, label, wrapped=()):
    """A table to look at."""
    return mo.ui.table(
        frame,
        selection=None,
        show_data_types=False,
        show_column_summaries=False,
        wrapped_columns=list(wrapped),
        label=label,
    )


@app.cell
def _():
    again = mo.ui.button(
        label="Read the warehouse again", value=0, on_click=lambda count: count + 1
    )
    mo.vstack(
        [
            mo.md(
                "# Tour of the books\n\nWhat arrived from Sage, how fresh it is, and whether it ties out. "
                "The warehouse is open only while it is read, so this page never keeps a sync waiting."
            ),
            again,
        ]
    )
    return (again,)


@app.cell
def _(again):
    _reads = again.value  # a click reads again
    try:
        with figures_of(open_warehouse(mo.cli_args().get("destination") or "duckdb")) as figures:
            businesses = figures.frame("businesses")
            entries = figures.frame("entries_by_month")
            documents = figures.frame("documents_by_kind")
            checked = figures.checked_tables()
    except WarehouseError as error:
        mo.stop(True, mo.callout(mo.md(f"**Nothing to show yet.** {error}"), kind="warn"))
    mo.stop(
        businesses.is_empty(),
        mo.callout(
            "The warehouse holds no business yet. Select one with sage-elt businesses use, then run: "
            "sage-elt run"
        ),
    )
    label = pl.concat_str("country", pl.lit(" "), "name").alias("business")
    businesses = businesses.with_columns(label)
    return businesses, checked, documents, entries


@app.cell
def _(businesses):
    mo.vstack(
        [
            mo.md("## What arrived, and how fresh it is"),
            plain(
                businesses.select(
                    "business",
                    pl.col("base_currency").alias("currency"),
                    "documents",
                    pl.col("entries").alias("ledger entries"),
                ),
                "What arrived",
            ),
            plain(
                businesses.select(
                    "business",
                    pl.col("last_entry").cast(pl.String).fill_null("none").alias("last entry"),
                    *(
                        pl.col(name)
                        .dt.strftime("%Y-%m-%d %H:%M")
                        .fill_null("not known")
                        .alias(title)
                        for name, title in MOMENTS.items()
                    ),
                ),
                "How fresh it is; times are UTC",
            ),
        ]
    )
    return


@app.cell
def _(entries):
    mo.stop(
        entries.is_empty(),
        mo.md("There is no ledger entry yet, so there is nothing to plot by month."),
    )
    alt.Chart(entries).mark_bar().encode(
        x=alt.X("yearmonth(month):T", title="Month"),
        y=alt.Y("sum(entries):Q", title="Ledger entries"),
        color=alt.Color("country:N", title="Country"),
        tooltip=[
            alt.Tooltip("country:N", title="Country"),
            alt.Tooltip("yearmonth(month):T", title="Month"),
            alt.Tooltip("sum(entries):Q", title="Ledger entries"),
        ],
    ).properties(title="Ledger entries by month", width="container", height=260)
    return


@app.cell
def _(documents):
    mo.stop(
        documents.is_empty(),
        mo.md("There is no document yet, so there is nothing to plot by kind."),
    )
    alt.Chart(
        documents.with_columns(pl.col("document_kind").str.replace_all("_", " "))
    ).mark_bar().encode(
        y=alt.Y("document_kind:N", title="Kind", sort="-x"),
        x=alt.X("sum(documents):Q", title="Documents"),
        color=alt.Color("direction:N", title="Side"),
        tooltip=[
            alt.Tooltip("document_kind:N", title="Kind"),
            alt.Tooltip("direction:N", title="Side"),
            alt.Tooltip("documents:Q", title="Documents"),
        ],
    ).properties(title="Documents by kind", width="container", height=260)
    return


@app.cell
def _(businesses, checked):
    outcomes = sage_unified.check(checked).join(
        businesses.select("business_id", "business", "country"), on="business_id", how="left"
    )
    worst = (
        outcomes.group_by("check", "business", maintain_order=True)
        .agg(
            pl.when((pl.col("status") == "broken").any())
            .then(pl.lit("broken"))
            .when((pl.col("status") == "missing").any())
            .then(pl.lit("not checkable"))
            .otherwise(pl.lit("sound"))
            .alias("outcome"),
            pl.col("country").first(),
        )
        .with_columns(pl.col("check").str.replace_all("_", " "))
    )
    return outcomes, worst


@app.cell
def _(worst):
    counts = dict(worst["outcome"].value_counts().iter_rows())
    mo.vstack(
        [
            mo.md(
                "## Tie-outs\n\nEach compares two ways to the same figure, to the cent: "
                f"**{counts.get('sound', 0)} sound, {counts.get('broken', 0)} broken, "
                f"{counts.get('not checkable', 0)} not checkable.**"
            ),
            alt.Chart(worst)
            .mark_rect(stroke="white")
            .encode(
                x=alt.X(
                    "business:N", title="Business", axis=alt.Axis(labelAngle=-60, labelLimit=140)
                ),
                y=alt.Y("check:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
                color=alt.Color(
                    "outcome:N",
                    title="Outcome",
                    scale=alt.Scale(
                        domain=["sound", "not checkable", "broken"],
                        range=["#4c9f70", "#d9d9d9", "#c0392b"],
                    ),
                    legend=alt.Legend(orient="top"),
                ),
                tooltip=[
                    alt.Tooltip("business:N", title="Business"),
                    alt.Tooltip("check:N", title="Check"),
                    alt.Tooltip("outcome:N", title="Outcome"),
                ],
            )
            .properties(title="Tie-outs by business", width="container", height=460),
        ]
    )
    return


@app.cell
def _(outcomes):
    noteworthy = outcomes.filter(pl.col("hint") != "").select(
        "country",
        pl.col("check").str.replace_all("_", " "),
        pl.when(pl.col("subject").str.len_chars() == 32)
        .then(pl.col("subject").str.head(8) + "…")
        .otherwise("subject")
        .alias("of what"),
        pl.col("difference").map_elements(amount_text, return_dtype=pl.String).fill_null(""),
        pl.col("hint").str.replace_all("_", " ").alias("what to know"),
    )
    mo.vstack(
        [
            mo.md("### What deserves a look"),
            plain(
                noteworthy,
                "Tie-outs that do not match, can not be made, or name a rate without a meaning",
                ["check", "of what", "what to know"],
            )
            if noteworthy.height
            else mo.md("Nothing: every figure ties out, and every tax rate has a meaning."),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
