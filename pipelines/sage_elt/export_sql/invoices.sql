-- Tax lines of documents with a tax point in the period, each beside its document and contact; documents
-- numbered in the order of the book.
-- step numbers
SELECT document_id, row_number() OVER (ORDER BY tax_point, document_id) AS place
FROM (
    SELECT document_id, min(tax_point) AS tax_point
    FROM marts.vat_lines
    WHERE business_id = $business AND tax_point BETWEEN $first AND $last AND direction = $direction
    GROUP BY document_id
)
-- step texts
-- shipping is line 0 and says the least
SELECT document_id, resource,
       min_by(description, CASE line_no WHEN 0 THEN 2147483647 ELSE line_no END) AS description
FROM unified.fct_document_line
WHERE business_id = $business AND description IS NOT NULL
  AND document_id IN (SELECT document_id FROM '{folder}/numbers.parquet')
GROUP BY ALL
-- step originals
SELECT document_id, min(number) AS original_number, min(date) AS original_date
FROM unified.fct_document
WHERE business_id = $business
  AND document_id IN (
      SELECT original_document_id FROM unified.fct_document WHERE business_id = $business
  )
GROUP BY document_id
-- step documents
SELECT
    n.place, d.document_id, d.resource, d.document_kind, d.number, d.vendor_reference, d.date, d.created_at,
    d.delivery_date, t.description, o.original_number, o.original_date, d.contact_id
FROM unified.fct_document AS d
JOIN '{folder}/numbers.parquet' AS n ON n.document_id = d.document_id
LEFT JOIN '{folder}/texts.parquet' AS t ON t.document_id = d.document_id AND t.resource = d.resource
LEFT JOIN '{folder}/originals.parquet' AS o ON o.document_id = d.original_document_id
WHERE d.business_id = $business
-- step invoices
SELECT
    d.* EXCLUDE (contact_id), l.tax_point, l.line_id, l.component_seq, l.part, l.direction, l.doc, l.vat_scope,
    l.supply, l.rate, l.rate_class, l.basis, l.net, l.tax, l.notional_tax, l.itc, c.contact_id,
    c.name AS contact_name, c.tax_number AS contact_tax_number, c.country AS contact_country
FROM marts.vat_lines AS l
JOIN '{folder}/documents.parquet' AS d ON d.document_id = l.document_id
LEFT JOIN unified.dim_contact AS c ON c.business_id = l.business_id AND c.contact_id = d.contact_id
WHERE l.business_id = $business AND l.tax_point BETWEEN $first AND $last AND l.direction = $direction
