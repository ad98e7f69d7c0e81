//! What a log keeps outside of the database.

use affiant_journal::TenantId;

/// Where a log keeps what must not be in the database: whoever rewrites or restores that one changes nothing here.
/// Each file is a small text that belongs to one tenant.
pub trait LogFiles: Send + Sync {
    /// The text, if there is one.
    fn read(&self, tenant: &TenantId, file: LogFile) -> Result<Option<String>, LogFileError>;
    /// Puts `after` in the place of `before`, which must be there still. Returns after it is on disk.
    fn replace(&self, tenant: &TenantId, file: LogFile, before: Option<&str>, after: &str) -> Result<(), LogFileError>;
    /// What people call the file.
    fn name(&self, tenant: &TenantId, file: LogFile) -> String;
}

/// What a log keeps beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFile {
    /// The newest signed head.
    Head,
    /// The keys that sign: a secret that only the server's own user may read.
    Keys,
}

/// Why a file beside the database could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// Somebody else replaced it since it was read.
    #[error("{0} was changed by somebody else")]
    Moved(String),
    /// Others may read a secret.
    #[error("others may read {0}. Run: chmod 600 {0}")]
    Exposed(String),
    /// It could not be read or written.
    #[error("{0} cannot be read or written")]
    Unavailable(String, #[source] std::io::Error),
}
