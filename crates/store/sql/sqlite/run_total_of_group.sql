-- The same within one agent and status.
SELECT count(*) FROM runs
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND agent = :agent AND status = :status
  AND submitted_at >= :since
  AND (:part IS NULL OR substr(run, 1, length(:part)) = :part OR substr(run, -length(:part)) = :part)
