-- The row as it is after the entries, new or not.
INSERT INTO approvals (tenant, approval, run, step, action, displayed, status, requested_at, expires_at,
                       resolved_at, approver, verdict)
VALUES (:tenant, :approval, :run, :step, :action, :displayed, :status, :requested_at, :expires_at,
        :resolved_at, :approver, :verdict)
ON CONFLICT (tenant, approval) DO UPDATE
SET status = :status, expires_at = :expires_at, resolved_at = :resolved_at, approver = :approver, verdict = :verdict
