-- Apart from the rest, because it moves the run in an index.
UPDATE runs SET status = :status WHERE stream = :stream
