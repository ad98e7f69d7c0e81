-- The newest value is the only one.
INSERT INTO documents (tenant, collection, id, value) VALUES (:tenant, :collection, :id, :value)
ON CONFLICT (tenant, collection, id) DO UPDATE SET value = :value
