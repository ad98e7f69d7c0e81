-- A stream's first entry gives it a number, unless it has one. Without RETURNING, for which SQLite makes a table and a
-- journal each time: the number is that of the last row.
INSERT INTO streams (tenant, name) VALUES (:tenant, :name) ON CONFLICT (tenant, name) DO NOTHING
