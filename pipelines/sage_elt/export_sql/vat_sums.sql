-- The same lines summed by all that the formulas of the boxes ask for.
SELECT
    direction, doc, vat_scope, supply, rate, rate_class, tax_type, agency, recoverable_share,
    sum(net)::DECIMAL(38, 4) AS net, sum(tax)::DECIMAL(38, 4) AS tax,
    sum(notional_tax)::DECIMAL(38, 4) AS notional_tax, count(*) AS lines
FROM marts.vat_lines
WHERE business_id = $business AND tax_point BETWEEN $first AND $last
GROUP BY ALL
