//! What the database and the file system say, in the words of a store.

use std::io;

use affiant_engine::ports::StoreError;
use rusqlite::{ErrorCode, ffi};

/// Whether a failed file operation means that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::StorageFull | K::QuotaExceeded | K::FileTooLarge)
}

/// Whether a failed file operation means that writing is not allowed.
pub(crate) fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// What a failed file operation means.
pub(crate) fn of_io(error: io::Error) -> StoreError {
    match error {
        error if is_full(&error) => StoreError::Full,
        error if is_read_only(&error) => StoreError::ReadOnly,
        error => StoreError::Unavailable(Box::new(error)),
    }
}

/// What a failed statement means.
pub(crate) fn of_sqlite(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    match &error {
        E::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
            // The shared memory beside the file is given its room in advance, and this is how the lack of it shows.
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
            (ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen, _) => StoreError::ReadOnly,
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Damaged(error.to_string()),
            _ => StoreError::Unavailable(Box::new(error)),
        },
        E::FromSqlConversionFailure(_, _, what) => StoreError::Damaged(what.to_string()),
        E::IntegralValueOutOfRange(..) | E::InvalidColumnType(..) | E::Utf8Error(..) => {
            StoreError::Damaged(error.to_string())
        }
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
