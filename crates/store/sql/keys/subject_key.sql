-- A sealed value names the number of its key.
SELECT wrapped FROM subjects WHERE tenant = :tenant AND subject = :subject AND number = :number
