-- Artifacts are listed in the order of these rows.
INSERT INTO artifacts (tenant, artifact, run, seq, kind, name, digest, media, size, summary, step, cites, created_at)
VALUES (:tenant, :artifact, :run, :seq, :kind, :name, :digest, :media, :size, :summary, :step, :cites, :created_at)
