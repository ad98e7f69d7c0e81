-- How many there are in all.
SELECT count(*) FROM artifacts
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND (:kind IS NULL OR kind = :kind)
