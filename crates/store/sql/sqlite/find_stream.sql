-- All that an append must know of its stream; asked only when the writer does not remember it.
SELECT s.stream,
       (SELECT max(e.seq) + 1 FROM events e WHERE e.stream = s.stream) AS entries,
       r.agent, r.status, r.priority, r.runnable_at, r.worker
FROM streams s LEFT JOIN runs r ON r.stream = s.stream
WHERE s.tenant = :tenant AND s.name = :name
