-- Transactions of a business and period whose entries do not sum to zero.
SELECT coalesce(transaction_id, entry_id) AS booking, sum(amount) AS amount
FROM unified.fct_ledger_entry
WHERE business_id = $business AND NOT is_deleted AND date BETWEEN $first AND $last
  AND ($with_closing OR NOT is_closing_entry)
GROUP BY ALL HAVING sum(amount) <> 0 ORDER BY booking
