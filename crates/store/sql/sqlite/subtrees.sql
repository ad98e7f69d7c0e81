-- Hashes of complete subtrees, from which proofs and tiles are made.
SELECT hash FROM subtrees
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant)
  AND level = :level AND place >= :from AND place < :to
ORDER BY place
