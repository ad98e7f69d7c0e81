-- One artifact by its id.
SELECT place, artifact, run, seq, kind, name, digest, media, size, summary, step, cites, created_at
FROM artifacts
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND artifact = :artifact
