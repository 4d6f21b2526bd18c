-- What each contact owes or is owed on the load date, by age; base currency.
WITH items AS (
    SELECT 'receivables' AS ledger, business_id, as_of, contact_id, bucket, base_outstanding
    FROM marts.aged_receivables
    UNION ALL
    SELECT 'payables', business_id, as_of, contact_id, bucket, base_outstanding FROM marts.aged_payables
)
SELECT
    i.ledger, i.business_id, i.as_of, i.contact_id, coalesce(c.name, i.contact_id, 'without a contact') AS contact,
    i.bucket, CAST(sum(i.base_outstanding) AS DECIMAL(19, 4)) AS amount, count(*) AS items
FROM items AS i
JOIN load_dates AS l ON l.business_id = i.business_id AND l.load_date = i.as_of
LEFT JOIN unified.dim_contact AS c ON c.business_id = i.business_id AND c.contact_id = i.contact_id
GROUP BY ALL
ORDER BY i.ledger, i.business_id, contact, i.contact_id, i.bucket
