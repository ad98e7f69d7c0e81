-- The first of a lane, and the next one's time, from the index alone.
SELECT stream, runnable_at FROM runs
WHERE tenant = :tenant AND agent = :agent AND priority = :priority AND runnable_at IS NOT NULL
ORDER BY runnable_at, stream LIMIT 2
