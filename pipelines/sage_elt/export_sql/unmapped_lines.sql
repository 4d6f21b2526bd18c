-- Tax lines of the period that no rule maps, by rate and reason.
SELECT tax_rate_id, unmapped_reason, count(*) AS lines
FROM marts.vat_lines
WHERE business_id = $business AND tax_point BETWEEN $first AND $last AND unmapped_reason IS NOT NULL
GROUP BY ALL ORDER BY tax_rate_id, unmapped_reason
