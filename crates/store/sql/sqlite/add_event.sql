-- The hot path: one row at the end of the table.
INSERT INTO events (position, tenant, leaf, stream, seq, hash, bytes)
VALUES (:position, :tenant, :leaf, :stream, :seq, :hash, :bytes)
