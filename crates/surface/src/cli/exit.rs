//! Exit codes, and the table that documentation and `affiant help exit-codes` are made of.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; for a run that was waited for: it completed.
    Done = 0,
    /// A bug, or a server error.
    Unexpected = 1,
    /// The command line is wrong, or an answer is needed that nobody can give here.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// No valid credential, or not one that may do this.
    NotAllowed = 4,
    /// Something has changed in between.
    Conflict = 5,
    /// No server answers.
    Unreachable = 6,
    /// The run failed.
    RunFailed = 10,
    /// The run was cancelled.
    RunCancelled = 11,
    /// The run was stopped by its budget or deadline.
    RunLimited = 12,
    /// The run waits for a person.
    RunWaits = 13,
    /// Policy denied the action.
    Denied = 14,
    /// The record was altered.
    Altered = 20,
    /// The record could not be checked in full.
    Incomplete = 21,
    /// The time given with `--timeout` is over; the run goes on.
    TimedOut = 124,
    /// Interrupted; the run goes on.
    Detached = 130,
}

/// Code and meaning, in order.
pub(super) const TABLE: &[(Exit, &str)] = &[
    (Exit::Done, "done; with --wait or watch: the run completed"),
    (Exit::Unexpected, "an unexpected error: a bug, or a server error"),
    (Exit::Usage, "wrong usage, or input is needed"),
    (Exit::NotFound, "not found"),
    (Exit::NotAllowed, "not signed in, or not allowed"),
    (Exit::Conflict, "conflict: a stale approval, a clash of idempotency keys, another version"),
    (Exit::Unreachable, "the server cannot be reached"),
    (Exit::RunFailed, "the run failed"),
    (Exit::RunCancelled, "the run was cancelled"),
    (Exit::RunLimited, "the run was stopped by a budget or time limit"),
    (Exit::RunWaits, "the run waits for a person"),
    (Exit::Denied, "policy denied the action"),
    (Exit::Altered, "verification failed: the record was altered"),
    (Exit::Incomplete, "verification is incomplete: a key, witness or part is missing"),
    (Exit::TimedOut, "--timeout is over; the run goes on"),
    (Exit::Detached, "interrupted; the run goes on"),
];

impl Exit {
    /// The code for an answer with this HTTP status and problem code.
    pub(crate) fn of_problem(status: u16, code: &str) -> Self {
        match (status, code) {
            (_, "policy-denied") => Self::Denied,
            (_, "storage-damaged") => Self::Altered,
            (401 | 403, _) => Self::NotAllowed,
            (404, _) => Self::NotFound,
            (409, _) => Self::Conflict,
            (400 | 405 | 413 | 415 | 422, _) => Self::Usage,
            _ => Self::Unexpected,
        }
    }

    /// The code for a run in this status, with the code of its problem.
    pub(crate) fn of_run(status: &str, problem: Option<&str>) -> Self {
        match (status, problem) {
            ("completed", _) => Self::Done,
            ("cancelled", _) => Self::RunCancelled,
            ("failed", Some("budget-exhausted" | "deadline-exceeded")) => Self::RunLimited,
            ("failed", Some("policy-denied")) => Self::Denied,
            ("failed", _) => Self::RunFailed,
            ("waiting", _) => Self::RunWaits,
            _ => Self::Unexpected,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
