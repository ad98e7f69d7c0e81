-- The same within one agent and status; a list with filters merges its groups.
SELECT submitted_at, run, stream FROM runs
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND agent = :agent AND status = :status
  AND submitted_at >= :since AND (submitted_at, run) < (:at, :id)
  AND (:part IS NULL OR substr(run, 1, length(:part)) = :part OR substr(run, -length(:part)) = :part)
ORDER BY submitted_at DESC, run DESC LIMIT :limit
