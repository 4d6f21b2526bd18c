-- What is open at each month end and on the load date, by age; base currency.
SELECT
    i.ledger, i.business_id, b.country, b.base_currency, i.as_of, i.bucket,
    CAST(sum(i.base_outstanding) AS DECIMAL(19, 4)) AS amount
FROM (
    SELECT 'receivables' AS ledger, business_id, as_of, bucket, base_outstanding FROM marts.aged_receivables
    UNION ALL
    SELECT 'payables', business_id, as_of, bucket, base_outstanding FROM marts.aged_payables
) AS i
JOIN unified.dim_business AS b ON b.business_id = i.business_id
GROUP BY ALL ORDER BY i.ledger, b.country, i.business_id, i.as_of, i.bucket
