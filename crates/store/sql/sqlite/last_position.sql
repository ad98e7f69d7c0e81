-- Where the writer goes on after a start.
SELECT coalesce(max(position), 0) FROM events
