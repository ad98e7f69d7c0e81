-- New values are sealed with the newest key; without `wrapped` it was destroyed, and the next number follows.
SELECT number, wrapped FROM subjects
WHERE tenant = :tenant AND subject = :subject
ORDER BY number DESC LIMIT 1
