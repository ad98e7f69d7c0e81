-- From an index alone.
SELECT count(*) FROM approvals WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant)
