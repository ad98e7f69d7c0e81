-- A run of another status moves in both indexes at once, and its row is written once, not three times.
UPDATE runs
SET waiting = :waiting, started_at = :started_at, ended_at = :ended_at, snapshot = :snapshot, error = :error,
    steps = :steps, events = :events, worker = :worker, status = :status, priority = :priority,
    runnable_at = :runnable_at
WHERE stream = :stream
