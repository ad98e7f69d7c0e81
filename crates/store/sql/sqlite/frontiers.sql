-- The logs' sizes; their sum is the number of entries.
SELECT tenant, name, frontier FROM tenants
