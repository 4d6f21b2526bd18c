-- Money in and out of the bank, cash and credit card accounts by month; base currency.
SELECT
    b.business_id, b.country, b.base_currency, c.period AS month, c.section,
    CAST(sum(c.amount) AS DECIMAL(19, 4)) AS amount
FROM marts.cash_flow AS c
JOIN unified.dim_business AS b ON b.business_id = c.business_id
WHERE c.section <> 'transfer'
GROUP BY ALL ORDER BY b.country, b.business_id, month, c.section
