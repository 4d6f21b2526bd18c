-- The contacts of a business and whether they stand on receivables or payables.
SELECT c.*,
       c.is_customer OR coalesce(u.is_receivable, FALSE) AS is_receivable,
       c.is_supplier OR coalesce(u.is_payable, FALSE) AS is_payable
FROM unified.dim_contact AS c
LEFT JOIN (
    SELECT e.contact_id, bool_or(a.account_subclass = 'receivable') AS is_receivable,
           bool_or(a.account_subclass = 'payable') AS is_payable
    FROM unified.fct_ledger_entry AS e
    JOIN unified.dim_account AS a ON a.business_id = e.business_id AND a.account_id = e.account_id
    WHERE e.business_id = $business AND a.is_control_account AND NOT e.is_deleted
    GROUP BY e.contact_id
) AS u ON u.contact_id = c.contact_id
WHERE c.business_id = $business
ORDER BY c.contact_id
