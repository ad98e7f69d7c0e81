-- The call that was under way came to its end, or the old reply had expired.
UPDATE replies SET request = :request, reply = :reply, expires = :expires WHERE reply_id = :reply_id
