-- What changes with every append and stands in no index.
UPDATE runs
SET waiting = :waiting, started_at = :started_at, ended_at = :ended_at, snapshot = :snapshot, error = :error,
    steps = :steps, events = :events, worker = :worker
WHERE stream = :stream
