-- The writer reads a tenant once and keeps it in memory.
SELECT tenant, frontier FROM tenants WHERE name = :name
