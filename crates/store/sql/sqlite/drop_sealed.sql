-- Together with the event that says so; secure_delete overwrites what stood there.
DELETE FROM sealed WHERE stream = :stream AND seq = :seq AND commitment = :commitment
