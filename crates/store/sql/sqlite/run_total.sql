-- Counting is only needed where the counts of groups do not say it: since a moment, or by part of an id.
SELECT count(*) FROM runs
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND submitted_at >= :since
  AND (:part IS NULL OR substr(run, 1, length(:part)) = :part OR substr(run, -length(:part)) = :part)
