-- From a run's name to its row.
SELECT r.stream FROM tenants t
JOIN streams s ON s.tenant = t.tenant AND s.name = :run
JOIN runs r ON r.stream = s.stream
WHERE t.name = :tenant
