-- The posted entries of a business and period with what files say of them; transactions numbered from 1
-- by the moment at which Sage made them. An entry without a transaction is one.
-- step numbers
SELECT booking, row_number() OVER (ORDER BY made_at NULLS LAST, booking) AS place
FROM (
    SELECT coalesce(transaction_id, entry_id) AS booking, min(created_at) AS made_at
    FROM unified.fct_ledger_entry
    WHERE business_id = $business AND NOT is_deleted AND date BETWEEN $first AND $last
      AND ($with_closing OR NOT is_closing_entry)
    GROUP BY ALL
)
-- step numbered
SELECT b.place, e.*
FROM unified.fct_ledger_entry AS e
JOIN '{folder}/numbers.parquet' AS b ON b.booking = coalesce(e.transaction_id, e.entry_id)
WHERE business_id = $business AND NOT is_deleted AND date BETWEEN $first AND $last
  AND ($with_closing OR NOT is_closing_entry)
-- step documents
SELECT document_id, min(number) AS document_number, min(date) AS document_date, min(due_date) AS due_date
FROM unified.fct_document
WHERE business_id = $business
  AND document_id IN (SELECT origin_id FROM '{folder}/numbered.parquet')
GROUP BY document_id
-- step documented
SELECT e.*, d.document_number, d.document_date, d.due_date
FROM '{folder}/numbered.parquet' AS e
LEFT JOIN '{folder}/documents.parquet' AS d ON d.document_id = e.origin_id
-- step payments
SELECT payment_id, min(reference) AS reference
FROM unified.fct_payment
WHERE business_id = $business
  AND payment_id IN (SELECT origin_id FROM '{folder}/numbered.parquet')
GROUP BY payment_id
-- step entries
SELECT
    e.place, e.place AS transaction_no, e.entry_id, e.transaction_id, e.transaction_type, e.date, e.debit,
    e.credit, e.amount, e.description, e.journal_code, e.created_at, e.tax_rate_id, e.account_id, e.contact_id,
    CASE WHEN e.currency_amount IS NOT NULL THEN e.currency END AS currency, e.currency_amount,
    a.code, a.name AS account_name, a.account_class, a.account_subclass, a.is_control_account,
    c.name AS contact_name, c.reference AS contact_reference, c.auxiliary_account, c.tax_number,
    e.document_number, e.document_date, e.due_date, p.reference
FROM '{folder}/documented.parquet' AS e
LEFT JOIN unified.dim_account AS a ON a.business_id = e.business_id AND a.account_id = e.account_id
LEFT JOIN unified.dim_contact AS c ON c.business_id = e.business_id AND c.contact_id = e.contact_id
LEFT JOIN '{folder}/payments.parquet' AS p ON p.payment_id = e.origin_id
