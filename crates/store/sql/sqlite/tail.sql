-- What followers, projections and webhooks read: everything in the order it was stored.
SELECT e.position, t.name, s.name, e.hash, e.bytes
FROM events e CROSS JOIN streams s ON s.stream = e.stream CROSS JOIN tenants t ON t.tenant = e.tenant
WHERE e.position > :after
ORDER BY e.position LIMIT :limit
