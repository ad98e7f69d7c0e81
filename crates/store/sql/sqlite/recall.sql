-- The hash finds a handful at most; the scope decides.
SELECT request, reply, expires FROM replies
WHERE hash = :hash AND tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND scope = :scope
  AND expires > :now
