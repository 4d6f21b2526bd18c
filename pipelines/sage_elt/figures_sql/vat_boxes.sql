-- Boxes by the periods of the returns; by month for a business whose returns have no known period.
SELECT
    business_id, country, "return", agency, basis, period_kind, period_start, period_end, box, amount, line_count
FROM marts.vat_summary
WHERE period_kind = 'return'
   OR business_id NOT IN (SELECT business_id FROM marts.vat_summary WHERE period_kind = 'return')
