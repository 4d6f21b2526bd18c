SELECT business_id, country, name, base_currency, year_end_date, tax_number, siret, chart_standard
FROM unified.dim_business WHERE business_id = $business
