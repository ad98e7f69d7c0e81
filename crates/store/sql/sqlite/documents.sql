-- A tenant's documents of one collection, in order of id.
SELECT id, value FROM documents
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND collection = :collection AND id > :after
ORDER BY id LIMIT :limit
