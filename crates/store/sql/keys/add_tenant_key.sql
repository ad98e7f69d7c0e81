-- Made once, when the first personal value of a tenant is sealed.
INSERT INTO tenants (tenant, wrapped) VALUES (:tenant, :wrapped)
