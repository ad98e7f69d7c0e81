-- One run, found already.
SELECT run, agent, agent_version, planner, status, waiting, priority, submitted_at, started_at, ended_at,
       snapshot, error, actor, parent, steps, events, runnable_at, worker, tenant
FROM runs WHERE stream = :stream
