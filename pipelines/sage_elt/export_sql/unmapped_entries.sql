-- Ledger entries of the period whose tax rate no rule maps, by rate and reason.
SELECT e.tax_rate_id, r.unmapped_reason, count(*) AS lines
FROM unified.fct_ledger_entry AS e
JOIN unified.dim_tax_rate AS r
  ON r.business_id = e.business_id AND r.tax_rate_id = e.tax_rate_id
 AND e.date BETWEEN r.valid_from AND r.valid_to
WHERE e.business_id = $business AND NOT e.is_deleted AND e.date BETWEEN $first AND $last
  AND r.unmapped_reason IS NOT NULL
GROUP BY ALL ORDER BY e.tax_rate_id, r.unmapped_reason
