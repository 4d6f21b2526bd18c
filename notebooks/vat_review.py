import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="VAT review")

with app.setup:
    import altair as alt
    import marimo as mo
    import polars as pl

    from sage_elt.figures import amount_text, figures_of
    from sage_elt.warehouse import WarehouseError, open_warehouse


@app.function
def exact(name):
    """A column of amounts as people write them, every digit of it."""
    return pl.col(name).map_elements(amount_text, return_dtype=pl.String)


@app.function
def read(query, **parameters):
    """The rows of a query, or a sentence in the place of the cell when they can not be read now."""
    try:
        with figures_of(open_warehouse(mo.cli_args().get("destination") or "duckdb")) as figures:
            return figures.vat_boxes() if query == "returns" else figures.frame(query, **parameters)
    except WarehouseError as error:
        mo.stop(True, mo.callout(mo.md(f"**Nothing to show yet.** {error}"), kind="warn"))


@app.cell
def _():
    again = mo.ui.button(
        label="Read the warehouse again", value=0, on_click=lambda count: count + 1
    )
    mo.vstack(
        [
            mo.md(
                "# VAT review\n\nThe boxes of each return and the lines behind them. A figure is a proposal: "
                "compare before you declare it. The warehouse is open only while it is read."
            ),
            again,
        ]
    )
    return (again,)


@app.cell
def _(again):
    _reads = again.value  # a click reads again
    businesses = read("businesses").with_columns(
        pl.concat_str("country", pl.lit(" "), "name").alias("business")
    )
    mo.stop(
        businesses.is_empty(),
        mo.callout(
            "The warehouse holds no business yet. Select one with sage-elt businesses use, then run: "
            "sage-elt run"
        ),
    )
    returns = read("returns")
    unmapped = read("unmapped_rates")
    return businesses, returns, unmapped


@app.cell
def _(businesses):
    ids = {f"{row['business']} ({row['business_id'][:6]})": row for row in businesses.to_dicts()}
    business_choice = mo.ui.dropdown(ids, value=next(iter(ids)), label="Business")
    mo.vstack([business_choice])
    return (business_choice,)


@app.cell
def _(business_choice, returns):
    business = business_choice.value
    own = returns.filter(pl.col("business_id") == business["business_id"]).with_columns(
        pl.format(
            "{}, {} to {}{}",
            "return",
            "period_start",
            "period_end",
            pl.format(", {}", "agency").fill_null(""),
        ).alias("period")
    )
    mo.stop(
        own.is_empty(),
        mo.md(
            f"There are no tax lines in {business['name']} yet, so there is no return to review."
        ),
    )
    periods = own["period"].unique(maintain_order=True).to_list()
    period_choice = mo.ui.dropdown(periods, value=periods[0], label="Return")
    mo.vstack([period_choice])
    return business, own, period_choice


@app.cell
def _(business, own, period_choice):
    chosen = own.filter(pl.col("period") == period_choice.value)
    with_lines = chosen["line_count"].fill_null(0).to_list()
    first_used = next((place for place, count in enumerate(with_lines) if count), 0)
    figure = f"amount ({business['base_currency']})"
    boxes = mo.ui.table(
        chosen.select(
            "box",
            exact("amount").alias(figure),
            pl.col("line_count").cast(pl.String).fill_null("computed").alias("lines"),
            pl.col("label").alias("what"),
        ),
        selection="single",
        initial_selection=[first_used],
        show_data_types=False,
        show_column_summaries=False,
        pagination=False,
        wrapped_columns=["what"],
        text_justify_columns={figure: "right", "lines": "right"},
        label=f"{period_choice.value}, {chosen['basis'][0]} basis. Pick a box to see its lines.",
    )
    mo.vstack([mo.md("## The boxes"), boxes])
    return boxes, chosen


@app.cell
def _(boxes, business, chosen):
    mo.stop(boxes.value.is_empty(), mo.md("Pick a box above to see its lines."))
    box = chosen.row(by_predicate=pl.col("box") == boxes.value["box"][0], named=True)
    lines = read(
        "vat_box_lines",
        business=business["business_id"],
        first=box["period_start"],
        last=box["period_end"],
        agency=box["agency"],
        box=box["box"],
    )
    mo.stop(
        lines.is_empty(),
        mo.md(
            f"Box {box['box']} is computed from other boxes, so it has no lines of its own."
            if box["line_count"] is None
            else f"No line is in box {box['box']}."
        ),
    )
    figures = ("in_box", "net", "tax")
    mo.vstack(
        [
            mo.md(
                f"## The lines of box {box['box']}\n\n{lines.height} lines sum to "
                f"**{amount_text(lines['in_box'].sum())} {business['base_currency']}**; the box shows "
                f"{amount_text(box['amount'])}."
            ),
            mo.ui.table(
                lines.select(
                    pl.col("tax_point").alias("tax point"),
                    "number",
                    pl.col("contact").fill_null(""),
                    *(exact(name).alias(name.replace("_", " ")) for name in figures),
                    pl.col("rate").cast(pl.String).alias("percent"),
                    pl.col("treatment", "document_kind")
                    .str.replace_all("_", " ")
                    .name.replace("_", " "),
                ),
                selection=None,
                show_data_types=False,
                show_column_summaries=False,
                text_justify_columns={
                    name.replace("_", " "): "right" for name in (*figures, "percent")
                },
                label=f"Lines of box {box['box']}, amounts in {business['base_currency']}",
            ),
        ]
    )
    return


@app.cell
def _(business):
    by_month = read("tax_by_month", business=business["business_id"]).with_columns(
        exact("amount").alias("exact"),
        pl.col("amount").cast(pl.Float64),
        pl.col("direction").replace_strict(
            {"sale": "on sales", "purchase": "on purchases, recoverable"}
        ),
    )
    mo.stop(
        by_month.is_empty(),
        mo.md("No tax line is in any box yet, so there is nothing to plot by month."),
    )
    alt.Chart(by_month).mark_bar().encode(
        x=alt.X("yearmonth(month):T", title="Month"),
        y=alt.Y("amount:Q", title=f"Tax ({business['base_currency']})", stack=None),
        xOffset="direction:N",
        color=alt.Color(
            "direction:N", title="Tax", legend=alt.Legend(orient="top", labelLimit=220)
        ),
        tooltip=[
            alt.Tooltip("yearmonth(month):T", title="Month"),
            alt.Tooltip("direction:N", title="Tax"),
            alt.Tooltip("exact:N", title="Amount"),
        ],
    ).properties(title=f"Tax by month, {business['name']}", width="container", height=260)
    return


@app.cell
def _(unmapped):
    mo.stop(
        unmapped.is_empty(),
        mo.md(
            "## Tax rates without a meaning\n\nNone: the rules or your overrides map every current rate."
        ),
    )
    template = "\n".join(
        [
            "business_id,kind,id,category_code,rate_class,treatment,tax_type,account_class,account_subclass,chart_standard",
            *(
                f"{row['business_id']},tax_rate,{row['tax_rate_id']},?,?,?,,,,"
                for row in unmapped.to_dicts()
            ),
        ]
    )
    mo.vstack(
        [
            mo.md(
                "## Tax rates without a meaning\n\nTheir lines are in no box. The rules never guess; you can say."
            ),
            mo.ui.table(
                unmapped.select(
                    "country",
                    "rate",
                    pl.col("percentage").cast(pl.String),
                    "lines",
                    pl.concat_str(exact("net"), pl.lit(" "), "base_currency").alias("net"),
                    pl.col("reason").str.replace_all("_", " "),
                    pl.col("last_used").cast(pl.String).fill_null("never").alias("last used"),
                ),
                selection=None,
                show_data_types=False,
                show_column_summaries=False,
                label="Current rates that no rule maps",
            ),
            mo.md(
                "### How to override them\n\nPut these lines into `sage_overrides.csv` beside the warehouse, write "
                "in place of each `?` what the rate is (`category_code` such as `Z`, `E` or `O`; `rate_class` such "
                "as `zero` or `none`; `treatment` such as `domestic`, `exempt` or `outside_scope`), delete what you "
                "leave open, and run `sage-elt transform`. All words: `docs/overrides.md`, `docs/schema.md`.\n\n"
                f"```csv\n{template}\n```"
            ),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
