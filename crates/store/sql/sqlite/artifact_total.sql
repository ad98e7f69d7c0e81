-- How many there are in all.
SELECT count(*) FROM artifacts INDEXED BY artifacts_by_place
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND (:kind IS NULL OR kind = :kind)
