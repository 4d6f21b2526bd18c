-- Balances of a business before a day, by account and, on receivables and payables, by contact.
SELECT
    e.account_id, a.code, a.name AS account_name, a.account_subclass, c.name AS contact_name,
    c.reference AS contact_reference, c.auxiliary_account, e.contact_id, sum(e.amount) AS amount
FROM (
    SELECT f.account_id, f.amount, f.business_id,
           CASE WHEN k.account_subclass IN ('receivable', 'payable') THEN f.contact_id END AS contact_id
    FROM unified.fct_ledger_entry AS f
    LEFT JOIN unified.dim_account AS k ON k.business_id = f.business_id AND k.account_id = f.account_id
    WHERE f.business_id = $business AND NOT f.is_deleted AND f.date < $first
) AS e
LEFT JOIN unified.dim_account AS a ON a.business_id = e.business_id AND a.account_id = e.account_id
LEFT JOIN unified.dim_contact AS c ON c.business_id = e.business_id AND c.contact_id = e.contact_id
GROUP BY ALL
ORDER BY a.code, e.account_id, e.contact_id
