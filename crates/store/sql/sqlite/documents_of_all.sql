-- Every tenant's documents of one collection: keys are looked up before anybody knows whose they are.
SELECT t.name, d.id, d.value FROM documents d CROSS JOIN tenants t ON t.tenant = d.tenant
WHERE d.collection = :collection AND d.id > :after
ORDER BY d.id, d.tenant LIMIT :limit
