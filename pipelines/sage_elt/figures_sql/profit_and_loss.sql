-- Income and expense by month; base currency, both positive.
SELECT
    b.business_id, b.country, b.base_currency, p.period AS month, p.account_class,
    CAST(sum(p.amount) AS DECIMAL(19, 4)) AS amount
FROM marts.profit_and_loss AS p
JOIN unified.dim_business AS b ON b.business_id = p.business_id
GROUP BY ALL ORDER BY b.country, b.business_id, month, p.account_class
