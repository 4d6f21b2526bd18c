-- Net sales to each customer in the last twelve months of the business's books; base currency.
WITH sales AS (
    SELECT business_id, contact_id, date, base_net_amount
    FROM unified.fct_document WHERE direction = 'sale' AND is_posted AND document_kind NOT LIKE 'opening%'
), last_days AS (
    SELECT business_id, max(date) AS last FROM unified.fct_document WHERE is_posted GROUP BY business_id
)
SELECT
    b.business_id, b.country, b.base_currency, s.contact_id,
    coalesce(c.name, s.contact_id, 'without a contact') AS customer,
    CAST(sum(s.base_net_amount) AS DECIMAL(19, 4)) AS amount
FROM sales AS s
JOIN last_days AS l ON l.business_id = s.business_id AND s.date > l.last - INTERVAL 1 YEAR
JOIN unified.dim_business AS b ON b.business_id = s.business_id
LEFT JOIN unified.dim_contact AS c ON c.business_id = s.business_id AND c.contact_id = s.contact_id
GROUP BY ALL ORDER BY amount DESC, b.business_id, s.contact_id
