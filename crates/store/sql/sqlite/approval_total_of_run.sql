-- From an index, and a few rows.
SELECT count(*) FROM approvals INDEXED BY approvals_by_run
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND run = :run
  AND (:status IS NULL OR status = :status)
