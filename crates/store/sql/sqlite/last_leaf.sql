-- Compared with the frontier when the server starts: a log that is shorter or longer than its events is damaged.
SELECT leaf, hash, bytes FROM events WHERE tenant = :tenant ORDER BY leaf DESC LIMIT 1
