-- Newest first, from the index alone; the rows of one page are read afterwards.
SELECT submitted_at, run, stream FROM runs
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant)
  AND submitted_at >= :since AND (submitted_at, run) < (:at, :id)
  AND (:part IS NULL OR substr(run, 1, length(:part)) = :part OR substr(run, -length(:part)) = :part)
ORDER BY submitted_at DESC, run DESC LIMIT :limit
