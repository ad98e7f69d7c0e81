-- A key that was never used.
INSERT INTO replies (tenant, hash, scope, request, reply, expires)
VALUES (:tenant, :hash, :scope, :request, :reply, :expires)
