-- Each business, what was loaded of it, and how fresh that is. Times are UTC.
WITH entries AS (
    SELECT
        business_id, count(*) AS entries,
        min(date) FILTER (NOT is_deleted) AS first_entry, max(date) FILTER (NOT is_deleted) AS last_entry,
        max(updated_at) AS last_change
    FROM unified.fct_ledger_entry GROUP BY business_id
), documents AS (
    SELECT business_id, count(*) AS documents, max(updated_at) AS last_change
    FROM unified.fct_document GROUP BY business_id
), rates AS (
    SELECT
        business_id, count(DISTINCT tax_rate_id) AS rates,
        count(DISTINCT tax_rate_id) FILTER (mapping_method = 'unmapped' AND is_current) AS unmapped_rates
    FROM unified.dim_tax_rate GROUP BY business_id
)
SELECT
    b.business_id, b.country, coalesce(b.name, b.business_id) AS name, b.base_currency,
    coalesce(d.documents, 0) AS documents, coalesce(e.entries, 0) AS entries, e.first_entry, e.last_entry,
    greatest(e.last_change, d.last_change) AS last_change, l.load_date,
    (SELECT loaded_at FROM last_load) AS loaded_at, t.built_at,
    coalesce(r.rates, 0) AS rates, coalesce(r.unmapped_rates, 0) AS unmapped_rates
FROM unified.dim_business AS b
LEFT JOIN entries AS e ON e.business_id = b.business_id
LEFT JOIN documents AS d ON d.business_id = b.business_id
LEFT JOIN rates AS r ON r.business_id = b.business_id
LEFT JOIN load_dates AS l ON l.business_id = b.business_id
LEFT JOIN built AS t ON t.business_id = b.business_id
ORDER BY b.country, name, b.business_id
