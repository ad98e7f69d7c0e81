-- Apart from the rest, because it moves the run in the queue, or out of it.
UPDATE runs SET priority = :priority, runnable_at = :runnable_at WHERE stream = :stream
