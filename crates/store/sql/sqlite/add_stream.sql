-- A stream's first entry gives it a number, unless it has one.
INSERT INTO streams (tenant, name) VALUES (:tenant, :name) ON CONFLICT (tenant, name) DO NOTHING RETURNING stream
