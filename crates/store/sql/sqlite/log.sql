-- The head of a tenant's log.
SELECT frontier FROM tenants WHERE name = :tenant
