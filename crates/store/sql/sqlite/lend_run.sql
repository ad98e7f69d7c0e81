-- A lease is a later moment in the queue, and a name.
UPDATE runs SET runnable_at = :until, worker = :worker WHERE stream = :stream
