-- The newest rate of each pair of currencies in the documents: units of currency for one of base.
SELECT
    b.base_currency AS base, d.currency, max(d.date) AS date,
    arg_max(d.exchange_rate, (d.date, d.document_id)) AS rate
FROM unified.fct_document AS d
JOIN unified.dim_business AS b ON b.business_id = d.business_id
WHERE d.currency <> b.base_currency AND d.exchange_rate > 0
GROUP BY ALL ORDER BY base, d.currency
