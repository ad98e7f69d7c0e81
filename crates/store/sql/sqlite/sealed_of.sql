-- What is sealed for one person, read when they are erased. That is rare, and an index would cost every append.
SELECT s.name, v.seq, v.commitment, v.subject, v.cipher
FROM sealed v JOIN streams s ON s.stream = v.stream
WHERE v.subject = :subject AND s.tenant = (SELECT tenant FROM tenants WHERE name = :tenant)
ORDER BY s.name, v.seq, v.commitment
