-- The lines behind a box of a return; their amounts sum to it before it is rounded. Base currency.
WITH parts AS (
    SELECT *, unnest(from_json(boxes, '[{"box": "VARCHAR", "amount": "DECIMAL(19, 4)"}]')) AS part_of
    FROM marts.vat_lines
    WHERE business_id = $business AND tax_point BETWEEN $first AND $last
      AND (country <> 'US' OR agency IS NOT DISTINCT FROM $agency)
), documents AS (
    SELECT business_id, document_id, min(number) AS number FROM unified.fct_document
    WHERE business_id = $business GROUP BY ALL
)
SELECT
    p.tax_point, p.document_kind, d.number, coalesce(c.name, p.contact_id) AS contact, p.treatment,
    p.rate, p.net, p.tax, p.notional_tax, p.part_of.amount AS in_box, p.document_id, p.line_id
FROM parts AS p
LEFT JOIN documents AS d ON d.document_id = p.document_id
LEFT JOIN unified.dim_contact AS c ON c.business_id = p.business_id AND c.contact_id = p.contact_id
WHERE p.part_of.box = $box
ORDER BY p.tax_point, d.number, p.document_id, p.line_id, p.component_seq, p.part
