-- The tax lines of a business with a tax point in the period, numbered in the order of the file.
-- step numbers
SELECT tax_line_key, part, tax_point, row_number() OVER (
    ORDER BY tax_point, document_kind, document_id, line_id, component_seq, part, tax_line_key
) AS place
FROM marts.vat_lines
WHERE business_id = $business AND tax_point BETWEEN $first AND $last
-- step documents
SELECT document_id, min(number) AS document_number
FROM unified.fct_document WHERE business_id = $business GROUP BY document_id
-- step numbered
SELECT
    n.place, l.tax_line_key, l.document_kind, l.document_id, l.line_id, l.component_seq, l.part, l.document_date,
    l.tax_point, l.contact_id, l.direction, l.doc, l.vat_scope, l.supply, l.category_code, l.rate_class, l.rate,
    l.agency, l.net, l.tax, l.notional_tax, l.itc, CAST(l.boxes AS VARCHAR) AS boxes
FROM marts.vat_lines AS l
JOIN '{folder}/numbers.parquet' AS n
  ON n.tax_line_key = l.tax_line_key AND n.part = l.part AND n.tax_point = l.tax_point
WHERE l.business_id = $business AND l.tax_point BETWEEN $first AND $last
-- step vat_lines
SELECT l.*, d.document_number
FROM '{folder}/numbered.parquet' AS l
LEFT JOIN '{folder}/documents.parquet' AS d ON d.document_id = l.document_id
