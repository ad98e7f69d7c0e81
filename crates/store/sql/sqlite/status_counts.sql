-- For status pages, over all tenants.
SELECT status, sum(runs) FROM run_counts GROUP BY status
