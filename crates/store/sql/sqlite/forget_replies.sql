-- A few of the oldest at a time, so that forgetting never makes a batch wait.
DELETE FROM replies
WHERE reply_id IN (SELECT reply_id FROM replies ORDER BY reply_id LIMIT :limit) AND expires <= :now
