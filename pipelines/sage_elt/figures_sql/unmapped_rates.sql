-- Tax rates that no rule maps, with what hangs on them; base currency.
WITH used AS (
    SELECT
        business_id, tax_rate_id, count(*) AS lines,
        CAST(sum(base_net_amount) AS DECIMAL(19, 4)) AS net, max(document_date) AS last_used
    FROM unified.fct_tax_line
    WHERE component_seq = 0 AND NOT is_void AND unmapped_reason IS NOT NULL
    GROUP BY ALL
)
SELECT
    b.business_id, b.country, coalesce(b.name, b.business_id) AS name, b.base_currency, r.tax_rate_id,
    any_value(coalesce(r.source_name, r.displayed_as)) AS rate, max(r.percentage) AS percentage,
    any_value(r.unmapped_reason) AS reason,
    coalesce(any_value(u.lines), 0) AS lines, coalesce(any_value(u.net), 0) AS net, any_value(u.last_used) AS last_used
FROM unified.dim_tax_rate AS r
JOIN unified.dim_business AS b ON b.business_id = r.business_id
LEFT JOIN used AS u ON u.business_id = r.business_id AND u.tax_rate_id = r.tax_rate_id
WHERE r.mapping_method = 'unmapped' AND r.is_current
GROUP BY ALL
ORDER BY b.country, name, lines DESC, r.tax_rate_id
