-- Documents of all businesses by kind and side.
SELECT document_kind, direction, count(*) AS documents
FROM unified.fct_document GROUP BY ALL ORDER BY document_kind, direction
