-- How many a run made.
SELECT count(*) FROM artifacts
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND run = :run
  AND (:kind IS NULL OR kind = :kind)
