-- All of a tenant, oldest first.
SELECT approval, run, step, action, displayed, status, requested_at, expires_at, resolved_at, approver, verdict
FROM approvals
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND (requested_at, approval) > (:at, :id)
ORDER BY requested_at, approval LIMIT :limit OFFSET :offset
