-- A run's journal, or its end.
SELECT seq, hash, bytes FROM events
WHERE stream = (SELECT s.stream FROM streams s JOIN tenants t ON t.tenant = s.tenant
                WHERE t.name = :tenant AND s.name = :stream)
  AND seq >= :from
ORDER BY seq LIMIT :limit
