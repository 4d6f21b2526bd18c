-- Posted ledger entries of each business by month.
SELECT b.business_id, b.country, last_day(e.date) AS month, count(*) AS entries
FROM unified.fct_ledger_entry AS e
JOIN unified.dim_business AS b ON b.business_id = e.business_id
WHERE NOT e.is_deleted
GROUP BY ALL ORDER BY b.country, b.business_id, month
