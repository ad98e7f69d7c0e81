-- One document by its name.
SELECT value FROM documents
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND collection = :collection AND id = :id
