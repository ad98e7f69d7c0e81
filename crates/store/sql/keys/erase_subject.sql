-- The row stays, so that "destroyed" can be told from "never was"; secure_delete overwrites the key itself.
UPDATE subjects SET wrapped = NULL WHERE tenant = :tenant AND subject = :subject
