-- A run has few; its status is looked at row by row.
SELECT approval, run, step, action, displayed, status, requested_at, expires_at, resolved_at, approver, verdict
FROM approvals INDEXED BY approvals_by_run
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND run = :run
  AND (:status IS NULL OR status = :status) AND (requested_at, approval) > (:at, :id)
ORDER BY requested_at, approval LIMIT :limit OFFSET :offset
