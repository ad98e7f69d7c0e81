-- Where a stream's events stand in the tenant's log, from which their proofs are made.
SELECT leaf FROM events
WHERE stream = (SELECT s.stream FROM streams s JOIN tenants t ON t.tenant = s.tenant
                WHERE t.name = :tenant AND s.name = :stream)
  AND seq >= :from
ORDER BY seq LIMIT :limit
