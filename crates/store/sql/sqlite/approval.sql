-- One approval by its id.
SELECT approval, run, step, action, displayed, status, requested_at, expires_at, resolved_at, approver, verdict
FROM approvals
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND approval = :approval
