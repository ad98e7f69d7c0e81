-- One wrapped key is enough to learn whether the key file is the one these keys were wrapped with.
SELECT tenant, wrapped FROM tenants LIMIT 1
