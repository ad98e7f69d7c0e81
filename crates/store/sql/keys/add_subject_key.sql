-- On disk before the first value that needs it.
INSERT INTO subjects (tenant, subject, number, wrapped) VALUES (:tenant, :subject, :number, :wrapped)
