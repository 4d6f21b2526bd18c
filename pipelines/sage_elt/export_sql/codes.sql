-- The codes of accounts with posted entries in the period.
SELECT DISTINCT a.code
FROM unified.fct_ledger_entry AS e
JOIN unified.dim_account AS a ON a.business_id = e.business_id AND a.account_id = e.account_id
WHERE e.business_id = $business AND NOT e.is_deleted AND e.date BETWEEN $first AND $last
ORDER BY a.code
