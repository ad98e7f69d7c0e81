-- Once for each group that a batch changed.
INSERT INTO run_counts (tenant, agent, status, runs) VALUES (:tenant, :agent, :status, :more)
ON CONFLICT (tenant, agent, status) DO UPDATE SET runs = runs + :more
