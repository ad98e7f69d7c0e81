-- Which groups a list is made of, and how many runs each has.
SELECT c.agent, c.status, c.runs FROM run_counts c
WHERE c.tenant = (SELECT tenant FROM tenants WHERE name = :tenant) AND c.runs > 0
