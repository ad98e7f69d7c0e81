//! SQL as it stands in `sql/sqlite/`, prepared once.
//!
//! SQLite numbers named parameters by their first appearance, so a value bound by number lands elsewhere when
//! somebody moves a line. Here the names stand beside the statement in Rust; each is looked up once, when the
//! statement is prepared, and a name that is missing on either side is an error then.

use rusqlite::{Connection, Error, PrepFlags, Result, Row, Statement, ToSql};

/// A prepared statement with `N` parameters, in the order in which Rust names them.
pub(super) struct Prepared<'c, const N: usize> {
    statement: Statement<'c>,
    places: [usize; N],
}

impl<'c, const N: usize> Prepared<'c, N> {
    pub(super) fn new(connection: &'c Connection, sql: &str, names: [&str; N]) -> Result<Self> {
        // What lives as long as its connection is kept apart from the small memory that SQLite sets aside for each: that
        // is for what comes and goes while statements are carried out.
        let statement = connection.prepare_with_flags(sql, PrepFlags::SQLITE_PREPARE_PERSISTENT)?;
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = statement.parameter_index(name)?.ok_or_else(|| Error::InvalidParameterName(name.to_owned()))?;
        }
        match statement.parameter_count() {
            count if count == N => Ok(Self { statement, places }),
            count => Err(Error::InvalidParameterCount(N, count)),
        }
    }

    fn bind(&mut self, values: [&dyn ToSql; N]) -> Result<()> {
        for (place, value) in self.places.into_iter().zip(values) {
            self.statement.raw_bind_parameter(place, value)?;
        }
        Ok(())
    }

    /// Changes rows; gives how many.
    pub(super) fn run(&mut self, values: [&dyn ToSql; N]) -> Result<usize> {
        self.bind(values)?;
        self.statement.raw_execute()
    }

    /// The first row, if there is one.
    pub(super) fn first<T>(
        &mut self,
        values: [&dyn ToSql; N],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.bind(values)?;
        self.statement.raw_query().next()?.map(read).transpose()
    }

    /// The one row that there always is.
    pub(super) fn one<T>(&mut self, values: [&dyn ToSql; N], read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.first(values, read)?.ok_or(Error::QueryReturnedNoRows)
    }

    /// All rows, in order.
    pub(super) fn all<T>(
        &mut self,
        values: [&dyn ToSql; N],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.bind(values)?;
        let mut rows = self.statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

/// Declares a set of statements: each is the file of its name, with these parameters in this order.
macro_rules! statements {
    ($(#[$doc:meta])* $set:ident { $($name:ident($($parameter:ident),*);)* }) => {
        $(#[$doc])*
        pub(super) struct $set<'c> {
            $(pub(super) $name: Prepared<'c, { <[&str]>::len(&[$(stringify!($parameter)),*]) }>,)*
        }

        impl<'c> $set<'c> {
            pub(super) fn prepare(connection: &'c Connection) -> Result<Self> {
                Ok(Self {
                    $($name: Prepared::new(
                        connection,
                        include_str!(concat!("../../sql/sqlite/", stringify!($name), ".sql")),
                        [$(concat!(":", stringify!($parameter))),*],
                    )?,)*
                })
            }

            /// The names of the files.
            #[cfg(test)]
            pub(super) const FILES: &'static [&'static str] = &[$(stringify!($name)),*];
        }
    };
}

statements! {
    /// What the writer says.
    Writes {
        find_tenant(name);
        add_tenant(name, frontier);
        tenant_name(tenant);
        move_frontier(tenant, frontier);
        find_stream(tenant, name);
        add_stream(tenant, name);
        add_event(position, tenant, leaf, stream, seq, hash, bytes);
        add_subtree(tenant, level, place, hash);
        add_sealed(stream, seq, commitment, subject, cipher);
        drop_sealed(stream, seq, commitment);
        add_run(
            stream, tenant, run, agent, agent_version, planner, status, waiting, priority, submitted_at, started_at,
            ended_at, snapshot, error, actor, parent, steps, events, runnable_at, worker
        );
        update_run(stream, waiting, started_at, ended_at, snapshot, error, steps, events, worker);
        queue_run(stream, priority, runnable_at);
        move_run(
            stream, waiting, started_at, ended_at, snapshot, error, steps, events, worker, status, priority,
            runnable_at
        );
        lend_run(stream, until, worker);
        lanes();
        lane_head(tenant, agent, priority);
        run_row(stream);
        count_runs(tenant, agent, status, more);
        put_approval(
            tenant, approval, run, step, action, displayed, status, requested_at, expires_at, resolved_at, approver,
            verdict
        );
        add_artifact(
            tenant, artifact, run, seq, kind, name, digest, media, size, summary, step, cites, created_at
        );
        put_document(tenant, collection, id, value);
        drop_document(tenant, collection, id);
        reservations(tenant, run, step);
        add_reservation(tenant, run, step, scope, day, currency, cost, tokens, calls);
        drop_reservations(tenant, run, step);
        spent_of_scope(tenant, day, scope);
        put_spent(
            tenant, day, scope, currency, settled_cost, settled_tokens, settled_calls, reserved_cost,
            reserved_tokens, reserved_calls
        );
        find_reply(tenant, hash, scope);
        add_reply(tenant, hash, scope, request, reply, expires);
        replace_reply(reply_id, request, reply, expires);
        forget_replies(limit, now);
        last_position();
        frontiers();
        last_leaf(tenant);
    }
}

statements! {
    /// What readers ask.
    Reads {
        load(tenant, stream, from, limit);
        places(tenant, stream, from, limit);
        sealed(tenant, stream, from);
        sealed_of(tenant, subject);
        run_stream(tenant, run);
        run_row(stream);
        run_groups(tenant);
        run_places(tenant, since, at, id, part, limit);
        run_places_of_group(tenant, agent, status, since, at, id, part, limit);
        run_total(tenant, since, part);
        run_total_of_group(tenant, agent, status, since, part);
        approval(tenant, approval);
        approvals(tenant, at, id, limit, offset);
        approvals_of_run(tenant, run, status, at, id, limit, offset);
        approvals_in_status(tenant, status, at, id, limit, offset);
        approval_total(tenant);
        approval_total_of_run(tenant, run, status);
        approval_total_in_status(tenant, status);
        artifact(tenant, artifact);
        artifacts(tenant, kind, at, limit, offset);
        artifacts_of_run(tenant, run, kind, at, limit, offset);
        artifact_total(tenant, kind);
        artifact_total_of_run(tenant, run, kind);
        document(tenant, collection, id);
        documents(tenant, collection, after, limit);
        documents_of_all(collection, after, limit);
        spent(tenant, day);
        recall(tenant, hash, scope, now);
        tail(after, limit);
        log(tenant);
        leaves(tenant, from, to);
        subtrees(tenant, level, from, to);
        status_counts();
        frontiers();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_fits_the_schema_and_every_file_is_used() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&super::super::connect::whole_schema()).unwrap();
        Writes::prepare(&connection).unwrap();
        Reads::prepare(&connection).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let name = name.strip_suffix(".sql").unwrap();
            assert!(
                name.starts_with("schema") || Writes::FILES.contains(&name) || Reads::FILES.contains(&name),
                "{name}"
            );
        }
    }

    /// What SQLite does for each statement, without the way from a tenant's name to its number.
    fn plans() -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&super::super::connect::whole_schema()).unwrap();
        let mut names: Vec<&str> = [Writes::FILES, Reads::FILES].concat();
        names.sort_unstable();
        names.dedup();
        let mut plans = String::new();
        for name in names {
            let file = format!("{}/sql/sqlite/{name}.sql", env!("CARGO_MANIFEST_DIR"));
            let sql = format!("EXPLAIN QUERY PLAN {}", std::fs::read_to_string(file).unwrap());
            let mut statement = connection.prepare(&sql).unwrap();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                if !step.contains("tenants_1") && !step.ends_with("SUBQUERY 1") {
                    plans.push_str(&format!("{name}: {step}\n"));
                }
            }
        }
        plans
    }

    #[test]
    fn every_statement_finds_its_rows_by_an_index() {
        insta::assert_snapshot!("plans", plans());
    }

    #[test]
    fn a_parameter_is_bound_by_its_name_wherever_it_stands() {
        let connection = Connection::open_in_memory().unwrap();
        let mut query = Prepared::new(&connection, "SELECT :b, :a, :b", [":a", ":b"]).unwrap();
        let row = query.one([&1, &2], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(row, (2, 1, 2));
    }

    #[test]
    fn a_parameter_that_only_one_side_knows_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(matches!(Prepared::new(&connection, "SELECT :a", [":b"]), Err(Error::InvalidParameterName(_))));
        assert!(matches!(Prepared::new(&connection, "SELECT :a, :b", [":a"]), Err(Error::InvalidParameterCount(1, 2))));
    }
}
