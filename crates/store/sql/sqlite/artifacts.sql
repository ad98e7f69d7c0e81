-- All of a tenant, in the order they were made.
SELECT place, artifact, run, seq, kind, name, digest, media, size, summary, step, cites, created_at
FROM artifacts INDEXED BY artifacts_by_place
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND place > :at
  AND (:kind IS NULL OR kind = :kind)
ORDER BY place LIMIT :limit OFFSET :offset
