-- Leaf hashes, from which proofs and tiles are made.
SELECT hash FROM events
WHERE tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND leaf >= :from AND leaf < :to
ORDER BY leaf
