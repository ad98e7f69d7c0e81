-- A claimed run names its tenant by number.
SELECT name FROM tenants WHERE tenant = :tenant
