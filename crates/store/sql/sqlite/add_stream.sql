-- A stream is there from its first append on.
INSERT INTO streams (tenant, name) VALUES (:tenant, :name) RETURNING stream
