-- A document without a value is gone.
DELETE FROM documents WHERE tenant = :tenant AND collection = :collection AND id = :id
