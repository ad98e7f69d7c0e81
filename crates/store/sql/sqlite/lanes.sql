-- The queue as lanes of one tenant, agent and priority; read once, when the server starts.
SELECT tenant, agent, priority, min(runnable_at) FROM runs
WHERE runnable_at IS NOT NULL
GROUP BY tenant, agent, priority
