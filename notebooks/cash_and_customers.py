import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Cash and customers")

with app.setup:
    from decimal import Decimal

    import altair as alt
    import marimo as mo
    import polars as pl

    from sage_elt.figures import BUCKETS, amount_text, figures_of
    from sage_elt.stated_rates import converted, proposed_rates
    from sage_elt.warehouse import WarehouseError, open_warehouse


@app.function
def plotted(frame):
    """The amounts as a chart needs them: a number for the place on the screen, a text for the eye."""
    return frame.with_columns(
        pl.col("amount").map_elements(amount_text, return_dtype=pl.String).alias("exact"),
        pl.col("amount").cast(pl.Float64),
    )


@app.cell
def _():
    again = mo.ui.button(
        label="Read the warehouse again", value=0, on_click=lambda count: count + 1
    )
    mo.vstack(
        [
            mo.md(
                "# Cash and customers\n\nWhat is open and how old it is, where the money went, who buys, and what "
                "is left, for all businesses in one currency. The warehouse is open only while it is read."
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
            pairs = figures.frame("exchange_rates")
            open_items = figures.frame("ageing_by_day")
            cash = figures.frame("cash_flow")
            results = figures.frame("profit_and_loss")
            customers = figures.frame("customers")
    except WarehouseError as error:
        mo.stop(True, mo.callout(mo.md(f"**Nothing to show yet.** {error}"), kind="warn"))
    mo.stop(
        businesses.is_empty(),
        mo.callout(
            "The warehouse holds no business yet. Select one with sage-elt businesses use, then run: "
            "sage-elt run"
        ),
    )
    return businesses, cash, customers, open_items, pairs, results


@app.cell
def _(businesses):
    currencies = (
        businesses["base_currency"]
        .value_counts()
        .sort("count", "base_currency", descending=[True, False])
    )
    currencies = currencies["base_currency"].to_list()
    currency_choice = mo.ui.dropdown(currencies, value=currencies[0], label="Show everything in")
    country_choice = mo.ui.multiselect(
        businesses["country"].unique().sort().to_list(),
        value=businesses["country"].unique().sort().to_list(),
        label="Countries",
    )
    mo.hstack([currency_choice, country_choice], justify="start", wrap=True)
    return country_choice, currencies, currency_choice


@app.cell
def _(currencies, currency_choice, pairs):
    currency = currency_choice.value
    proposals = [
        rate for rate in proposed_rates(pairs, currencies, currency) if rate.currency != currency
    ]
    rate_inputs = mo.ui.dictionary(
        {
            rate.currency: mo.ui.text(
                value=str(rate.rate or ""), label=f"1 {rate.currency} in {currency} ({rate.source})"
            )
            for rate in proposals
        }
    )
    mo.vstack(
        [
            mo.md(
                "## Rates\n\nThe books know no rate of today, so these are the newest of your documents. Change "
                "them as you like; a currency without a rate is left out."
                if proposals
                else f"All businesses keep their books in {currency}, so nothing is converted."
            ),
            *rate_inputs.elements.values(),
        ]
    )
    return currency, rate_inputs


@app.cell
def _(currency, rate_inputs):
    stated, unusable = {currency: Decimal(1)}, []
    for name, text in rate_inputs.value.items():
        try:
            rate = Decimal(text.strip().replace(",", "."))
            usable = rate.is_finite() and 0 < rate < 10**6
        except ArithmeticError:
            usable = False
        if usable:
            stated[name] = rate
        else:
            unusable.append(name)
    (
        mo.callout(
            f"Left out, because they have no usable rate: {', '.join(unusable)}.", kind="warn"
        )
        if unusable
        else None
    )
    return (stated,)


@app.cell
def _(country_choice, stated):
    def chosen(frame):
        """The rows of the chosen countries in the chosen currency."""
        return converted(frame.filter(pl.col("country").is_in(country_choice.value)), stated)

    return (chosen,)


@app.cell
def _():
    side_choice = mo.ui.dropdown(
        {"Customers owe": "receivables", "Owed to suppliers": "payables"},
        value="Customers owe",
        label="Open items",
    )
    mo.vstack([mo.md("## Ageing"), side_choice])
    return (side_choice,)


@app.cell
def _(chosen, currency, open_items, side_choice):
    aged = chosen(open_items.filter(pl.col("ledger") == side_choice.value))
    mo.stop(
        aged.is_empty(),
        mo.md("Nothing was ever open in the chosen countries, so there is nothing to plot."),
    )
    labels = list(BUCKETS.values())
    by_age = (
        aged.group_by("as_of", "bucket")
        .agg(pl.col("amount").sum())
        .with_columns(
            pl.col("bucket")
            .replace_strict(dict(zip(BUCKETS, range(len(BUCKETS)), strict=True)))
            .alias("order"),
            pl.col("bucket").replace_strict(BUCKETS).alias("age"),
        )
        .sort("as_of", "order")
    )
    newest = by_age["as_of"].max()
    now = by_age.filter(pl.col("as_of") == newest)
    mo.vstack(
        [
            mo.md(
                f"On {newest}: **{amount_text(now['amount'].sum())} {currency}** open; "
                + "; ".join(
                    f"{row['age'].lower()} {amount_text(row['amount'])}" for row in now.to_dicts()
                )
                + "."
            ),
            alt.Chart(plotted(by_age))
            .mark_bar()
            .encode(
                x=alt.X(
                    "yearmonthdate(as_of):O",
                    title="Day",
                    axis=alt.Axis(format="%Y-%m", labelOverlap=True),
                ),
                y=alt.Y("amount:Q", title=f"Open ({currency})"),
                color=alt.Color(
                    "age:N",
                    title="Overdue",
                    sort=labels,
                    scale=alt.Scale(domain=labels, scheme="yelloworangered"),
                    legend=alt.Legend(orient="top", columns=3),
                ),
                order="order:Q",
                tooltip=[
                    alt.Tooltip("as_of:T", title="Day", format="%Y-%m-%d"),
                    alt.Tooltip("age:N", title="Overdue"),
                    alt.Tooltip("exact:N", title=currency),
                ],
            )
            .properties(
                title="Open items at each month end, by age", width="container", height=280
            ),
        ]
    )
    return


@app.cell
def _(cash, chosen, currency):
    flows = (
        chosen(cash).group_by("month", "section", maintain_order=True).agg(pl.col("amount").sum())
    )
    mo.stop(flows.is_empty(), mo.md("## Cash flow\n\nNo money moved in the chosen countries yet."))
    net = flows.group_by("month", maintain_order=True).agg(pl.col("amount").sum()).sort("month")
    month = alt.X("yearmonth(month):T", title="Month")
    tooltip = [
        alt.Tooltip("yearmonth(month):T", title="Month"),
        alt.Tooltip("exact:N", title=currency),
    ]
    mo.vstack(
        [
            mo.md(
                "## Cash flow\n\nMoney in and out of all bank, cash and credit card accounts; transfers between "
                f"them are left out. In all **{amount_text(net['amount'].sum())} {currency}**."
            ),
            alt.layer(
                alt.Chart(plotted(flows))
                .mark_bar()
                .encode(
                    x=month,
                    y=alt.Y("amount:Q", title=f"In and out ({currency})"),
                    color=alt.Color("section:N", title="Section", legend=alt.Legend(orient="top")),
                    tooltip=[*tooltip, alt.Tooltip("section:N", title="Section")],
                ),
                alt.Chart(plotted(net))
                .mark_line(point=True, color="black")
                .encode(x=month, y=alt.Y("amount:Q"), tooltip=tooltip),
            ).properties(
                title="Cash flow by month; the line is the sum", width="container", height=280
            ),
        ]
    )
    return


@app.cell
def _(chosen, currency, customers):
    top = chosen(customers).sort("amount", descending=True).head(15)
    named = pl.concat_str("customer", pl.lit(", "), "country")
    top = top.with_columns(
        pl.when(named.is_duplicated())
        .then(pl.concat_str(named, pl.lit(" "), pl.col("contact_id").str.head(4)))
        .otherwise(named)
        .alias("who")
    )
    mo.stop(
        top.is_empty(), mo.md("## Top customers\n\nNothing was sold in the chosen countries yet.")
    )
    mo.vstack(
        [
            mo.md(
                "## Top customers\n\nNet sales in the last twelve months of each business's books."
            ),
            alt.Chart(plotted(top))
            .mark_bar()
            .encode(
                y=alt.Y("who:N", title=None, sort=None, axis=alt.Axis(labelLimit=170)),
                x=alt.X("amount:Q", title=f"Net sales ({currency})"),
                color=alt.Color(
                    "country:N", title="Country", legend=alt.Legend(orient="top", columns=4)
                ),
                tooltip=[
                    alt.Tooltip("who:N", title="Customer"),
                    alt.Tooltip("exact:N", title=currency),
                ],
            )
            .properties(title="Top customers", width="container", height=340),
        ]
    )
    return


@app.cell
def _(chosen, currency, results):
    by_month = (
        chosen(results)
        .group_by("month", "account_class", maintain_order=True)
        .agg(pl.col("amount").sum())
    )
    mo.stop(
        by_month.is_empty(),
        mo.md("## Profit and loss\n\nThere is no income or expense in the chosen countries yet."),
    )
    signed = (
        pl.when(pl.col("account_class") == "income").then("amount").otherwise(-pl.col("amount"))
    )
    profit = (
        by_month.group_by("month", maintain_order=True)
        .agg(signed.sum().alias("amount"))
        .sort("month")
    )
    months = alt.X("yearmonth(month):T", title="Month")
    hover = [
        alt.Tooltip("yearmonth(month):T", title="Month"),
        alt.Tooltip("exact:N", title=currency),
    ]
    mo.vstack(
        [
            mo.md(
                "## Profit and loss by month\n\nWithout the journals that close a year. In all "
                f"**{amount_text(profit['amount'].sum())} {currency}**."
            ),
            alt.layer(
                alt.Chart(plotted(by_month))
                .mark_bar()
                .encode(
                    x=months,
                    xOffset="account_class:N",
                    y=alt.Y("amount:Q", title=f"Amount ({currency})", stack=None),
                    color=alt.Color(
                        "account_class:N", title="Kind", legend=alt.Legend(orient="top")
                    ),
                    tooltip=[*hover, alt.Tooltip("account_class:N", title="Kind")],
                ),
                alt.Chart(plotted(profit))
                .mark_line(point=True, color="black")
                .encode(x=months, y=alt.Y("amount:Q"), tooltip=hover),
            ).properties(
                title="Income and expense; the line is the profit", width="container", height=280
            ),
        ]
    )
    return


@app.cell
def _(chosen, currency, results):
    _signed = (
        pl.when(pl.col("account_class") == "income").then("amount").otherwise(-pl.col("amount"))
    )
    by_country = (
        chosen(results)
        .group_by("country")
        .agg(
            pl.col("amount").filter(pl.col("account_class") == "income").sum().alias("income"),
            pl.col("amount").filter(pl.col("account_class") == "expense").sum().alias("expense"),
            _signed.sum().alias("profit"),
        )
        .sort("country")
    )
    mo.stop(by_country.is_empty(), None)
    figures_shown = ("income", "expense", "profit")
    mo.vstack(
        [
            mo.md("## Countries side by side"),
            mo.ui.table(
                by_country.select(
                    "country",
                    *(
                        pl.col(name).map_elements(amount_text, return_dtype=pl.String)
                        for name in figures_shown
                    ),
                ),
                selection=None,
                show_data_types=False,
                show_column_summaries=False,
                text_justify_columns=dict.fromkeys(figures_shown, "right"),
                label=f"All months, in {currency}",
            ),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
