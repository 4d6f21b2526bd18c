-- Tax of a business by month: on sales, and what of that on purchases is recoverable; base currency.
SELECT
    period_end AS month, direction,
    CAST(sum(CASE WHEN direction = 'sale' THEN tax ELSE itc END) AS DECIMAL(19, 4)) AS amount
FROM marts.vat_lines
WHERE business_id = $business AND vat_scope IS NOT NULL
GROUP BY ALL ORDER BY month, direction
