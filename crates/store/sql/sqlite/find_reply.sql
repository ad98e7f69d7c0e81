-- The hash finds a handful at most; the scope decides. Expired ones are found too, and replaced.
SELECT reply_id, request, reply, expires FROM replies
WHERE hash = :hash AND tenant = :tenant AND scope = :scope
