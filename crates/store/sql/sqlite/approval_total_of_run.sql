-- From an index, and a few rows.
SELECT count(*) FROM approvals
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND run = :run
  AND (:status IS NULL OR status = :status)
