-- What transforms/sage_unified/tax_lines/classify.py decides, by hand: the rate in force on the document's
-- date by an as-of join, then direction, sign, category, treatment, amounts and scope of each line.
WITH
rated AS (
    SELECT
        l.*, r.percentage, r.category_code AS rate_category, r.treatment AS rate_treatment,
        kind LIKE 'sales\_%' ESCAPE '\' OR kind = 'other_receipt' AS is_sale,
        kind LIKE 'purchase\_%' ESCAPE '\' OR kind = 'other_payment' AS is_purchase,
        coalesce(goods_services_type = 'GOODS', false) AS is_goods,
        coalesce(goods_services_type = 'SERVICES', false) AS is_services,
        contact_country IS NULL OR contact_country = business_country OR home_tax AS is_home,
        business_country IN ('US', 'CA') AS has_sales_tax,
        (business_country IN ('AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'EL', 'ES', 'FI', 'FR', 'GR',
            'HR', 'HU', 'IE', 'IT', 'LT', 'LU', 'LV', 'MT', 'NL', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK')
            OR business_country = 'GB' AND document_date <= DATE '2020-12-31') AS business_in_eu,
        coalesce(contact_country IN ('AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'EL', 'ES', 'FI', 'FR',
            'GR', 'HR', 'HU', 'IE', 'IT', 'LT', 'LU', 'LV', 'MT', 'NL', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK')
            OR contact_country = 'GB' AND document_date <= DATE '2020-12-31', false) AS contact_in_eu
    FROM '{folder}/lines.parquet' AS l
    ASOF LEFT JOIN '{folder}/rates.parquet' AS r
        ON l.business_id = r.business_id AND l.tax_rate_id = r.tax_rate_id
        AND l.document_date >= r.valid_from
),
placed AS (
    SELECT
        *,
        (business_in_eu OR business_country = 'GB' AND ni_based)
            AND (contact_in_eu OR coalesce(contact_country = 'GB' AND contact_ni_based, false))
            AS goods_in_eu,
        business_in_eu AND contact_in_eu AS services_in_eu,
        is_sale AND rate_category = 'Z' AND coalesce(tax_amount, 0) = 0 AS is_zero_sale,
        is_purchase AND rate_category IN ('S', 'Z') AND NOT has_sales_tax AS is_taxable_purchase
    FROM rated
),
decided AS (
    SELECT
        *,
        CASE
            WHEN is_home THEN 'home'
            WHEN CASE WHEN is_goods THEN goods_in_eu ELSE services_in_eu END THEN 'eu'
            ELSE 'world'
        END AS zone,
        CASE
            WHEN is_purchase AND vat_exempt_consignment THEN 'exempt_import'
            WHEN vat_reverse_charge THEN 'flagged_reverse_charge'
            WHEN is_purchase AND postponed_accounting THEN 'postponed_import'
            WHEN is_purchase AND import THEN 'flagged_import'
            WHEN rate_category IS NULL OR coalesce(rate_treatment, 'unknown') <> 'domestic' THEN 'rate'
            WHEN is_home OR eu_not_tax_registered THEN 'rate'
            WHEN is_zero_sale AND has_sales_tax THEN 'export'
            WHEN is_zero_sale AND is_goods AND goods_in_eu AND eu_tax_registered THEN 'intra_eu_supply'
            WHEN is_zero_sale AND is_goods AND NOT goods_in_eu THEN 'export'
            WHEN is_zero_sale AND is_services AND services_in_eu AND eu_tax_registered THEN 'reverse_charge'
            WHEN is_zero_sale AND is_services AND NOT services_in_eu THEN 'outside_scope'
            WHEN is_taxable_purchase AND is_goods AND goods_in_eu AND eu_tax_registered
                THEN 'intra_eu_acquisition'
            WHEN is_taxable_purchase AND is_services AND (eu_tax_registered OR rest_of_world_tax)
                THEN 'reverse_charge'
            WHEN is_taxable_purchase AND is_goods AND NOT goods_in_eu AND is_importer THEN 'import'
            ELSE 'rate'
        END AS what
    FROM placed
),
meant AS (
    SELECT
        *,
        CASE what
            WHEN 'exempt_import' THEN 'E'
            WHEN 'flagged_reverse_charge' THEN 'AE'
            WHEN 'postponed_import' THEN 'AE'
            WHEN 'intra_eu_supply' THEN 'K'
            WHEN 'intra_eu_acquisition' THEN 'K'
            WHEN 'reverse_charge' THEN 'AE'
            WHEN 'export' THEN 'G'
            WHEN 'outside_scope' THEN 'O'
            ELSE rate_category
        END AS category_code,
        CASE
            WHEN what = 'rate' THEN coalesce(rate_treatment, 'unknown')
            WHEN what IN ('exempt_import', 'postponed_import', 'flagged_import') THEN 'import'
            WHEN what = 'flagged_reverse_charge' THEN 'reverse_charge'
            ELSE what
        END AS treatment
    FROM decided
),
valued AS (
    SELECT
        *,
        CASE WHEN is_sale THEN 'sale' WHEN is_purchase THEN 'purchase' END AS direction,
        CASE WHEN contains(kind, 'credit') THEN -1 ELSE 1 END::TINYINT AS sign,
        coalesce(treatment = 'import' AND category_code = 'AE', false) AS is_postponed,
        is_purchase AND (treatment IN ('reverse_charge', 'intra_eu_acquisition')
            OR coalesce(treatment = 'import' AND category_code = 'AE', false)) AS is_notional
    FROM meant
),
scopes AS (
    SELECT treatment, d.direction, z.zone, vat_scope
    FROM '{folder}/scopes.parquet' AS s
    JOIN (VALUES ('sale'), ('purchase')) AS d(direction) ON s.direction IN ('*', d.direction)
    JOIN (VALUES ('home'), ('eu'), ('world')) AS z(zone) ON s.counterparty_zone IN ('*', z.zone)
)
SELECT
    v.line, v.percentage, v.rate_category, v.rate_treatment, v.category_code, v.treatment, v.direction, v.sign,
    CAST(net_amount * sign AS DECIMAL(19, 4)) AS signed_net,
    CAST(CASE WHEN is_notional THEN 0 ELSE coalesce(tax_amount, 0) END * sign AS DECIMAL(19, 4)) AS signed_tax,
    CAST(
        CASE
            WHEN is_notional AND coalesce(tax_amount, 0) <> 0 THEN tax_amount
            WHEN is_notional AND percentage > 0 THEN round(net_amount * percentage * 0.01, 2)
        END * sign AS DECIMAL(19, 4)
    ) AS notional_tax,
    s.vat_scope
FROM valued AS v
LEFT JOIN scopes AS s
    ON s.treatment = CASE WHEN is_postponed THEN 'import (category AE)' ELSE v.treatment END
    AND s.direction = v.direction AND s.zone = v.zone
