-- Beside the event whose commitment it opens, never in it.
INSERT INTO sealed (stream, seq, commitment, subject, cipher)
VALUES (:stream, :seq, :commitment, :subject, :cipher)
