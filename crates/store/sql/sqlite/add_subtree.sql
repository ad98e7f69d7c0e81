-- One for every 256 events.
INSERT INTO subtrees (tenant, level, place, hash) VALUES (:tenant, :level, :place, :hash)
