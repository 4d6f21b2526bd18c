-- Days, newest change and number of the posted entries of a business and period.
SELECT min(date) AS first, max(date) AS last, max(greatest(created_at, updated_at)) AS made_at,
       count(*) AS entries
FROM unified.fct_ledger_entry
WHERE business_id = $business AND NOT is_deleted AND date BETWEEN $first AND $last
