-- What opens the commitments of a stream.
SELECT seq, commitment, subject, cipher FROM sealed
WHERE stream = (SELECT s.stream FROM streams s JOIN tenants t ON t.tenant = s.tenant
                WHERE t.name = :tenant AND s.name = :stream)
  AND seq >= :from
ORDER BY seq, commitment
