-- The day on which each business's open items are aged last, also when none was open on it: the marts have
-- one day that is no month end; if that says nothing, the day of the build, else the last day of any.
WITH days AS (
    SELECT business_id, as_of FROM marts.aged_receivables
    UNION SELECT business_id, as_of FROM marts.aged_payables
)
SELECT
    b.business_id,
    coalesce(
        max(d.as_of) FILTER (d.as_of <> last_day(d.as_of)),
        max(CAST(t.built_at AS DATE)),
        (SELECT max(as_of) FROM days)
    ) AS load_date
FROM unified.dim_business AS b
LEFT JOIN days AS d ON d.business_id = b.business_id
LEFT JOIN built AS t ON t.business_id = b.business_id
GROUP BY b.business_id
