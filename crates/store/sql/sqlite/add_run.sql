-- A run's first row.
INSERT INTO runs (stream, tenant, run, agent, agent_version, planner, status, waiting, priority, submitted_at,
                  started_at, ended_at, snapshot, error, actor, parent, steps, events, runnable_at, worker)
VALUES (:stream, :tenant, :run, :agent, :agent_version, :planner, :status, :waiting, :priority, :submitted_at,
        :started_at, :ended_at, :snapshot, :error, :actor, :parent, :steps, :events, :runnable_at, :worker)
