-- Every subject's key is wrapped by its tenant's.
SELECT wrapped FROM tenants WHERE tenant = :tenant
