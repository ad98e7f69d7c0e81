-- A run has few; their kind is looked at row by row.
SELECT place, artifact, run, seq, kind, name, digest, media, size, summary, step, cites, created_at
FROM artifacts
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND run = :run AND place > :at
  AND (:kind IS NULL OR kind = :kind)
ORDER BY place LIMIT :limit OFFSET :offset
