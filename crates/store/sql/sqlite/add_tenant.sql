-- A tenant is there from its first append on.
INSERT INTO tenants (name, frontier) VALUES (:name, :frontier) RETURNING tenant
