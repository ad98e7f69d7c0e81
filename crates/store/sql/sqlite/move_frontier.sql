-- Once for each tenant in a batch, however many events it brought.
UPDATE tenants SET frontier = :frontier WHERE tenant = :tenant
