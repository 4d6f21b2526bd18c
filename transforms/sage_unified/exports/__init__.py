"""Files for tax offices and accountants: pure functions from frames to lines, one module a format.

Every format is written from batches of rows, so that a file of any length needs the memory of one
batch. What a file can not hold is refused (:class:`~sage_unified.exports.refusals.ExportRefusedError`)
before its first line. Fields and formats: rules/exports.csv.
"""
