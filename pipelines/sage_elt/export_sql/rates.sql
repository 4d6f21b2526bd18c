SELECT tax_rate_id, valid_from, valid_to, percentage, treatment
FROM unified.dim_tax_rate WHERE business_id = $business ORDER BY tax_rate_id, valid_from
