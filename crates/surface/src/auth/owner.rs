//! The owner's key: made on the first start, kept in a file that only its owner can read.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use affiant_engine::ports::{Chance, Clock};
use affiant_journal::{PrincipalId, TenantId};
use affiant_policy::{PrincipalKind, Role};

use super::{KeyRecord, Keyring, NewKey, Token};

/// Name of the owner's key file in the data folder.
pub const OWNER_FILE: &str = "owner.key";

/// Why the owner's key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum OwnerKeyError {
    /// The file cannot be read or written.
    #[error("{} cannot be used", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file holds something else.
    #[error("{} does not hold a key; move it away and start again to get a new one", .0.display())]
    NotAKey(PathBuf),
    /// Others can read the file.
    #[error("{} can be read by others; run `chmod 600` on it, or move it away and start again for a new one", .0.display())]
    Open(PathBuf),
}

/// Whose key the owner's is.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The tenant of the first start.
    pub tenant: TenantId,
    /// The principal that the key stands for.
    pub principal: PrincipalId,
}

/// Makes `owner.key` in the data folder if there is none, and gives its record when the store does not have it yet:
/// the caller writes it down and then puts it into the keyring. A key that was revoked stays revoked.
///
/// # Errors
///
/// When the file cannot be used, holds something else, or can be read by others.
pub fn ensure_owner_key(
    data_dir: &Path,
    owner: Owner,
    keyring: &Keyring,
    clock: &dyn Clock,
    chance: &dyn Chance,
) -> Result<Option<KeyRecord>, OwnerKeyError> {
    let path = data_dir.join(OWNER_FILE);
    let new = NewKey {
        tenant: owner.tenant,
        principal: owner.principal.clone(),
        kind: PrincipalKind::User,
        role: Role::Admin,
        label: Some("owner".to_owned()),
        expires: None,
        created_by: owner.principal,
    };
    let token = match fs::read_to_string(&path) {
        Ok(text) => {
            refuse_open(&path)?;
            Token::parse(&text).ok_or_else(|| OwnerKeyError::NotAKey(path.clone()))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (token, record) = KeyRecord::make(new, clock.now(), chance);
            write(&path, &token).map_err(|error| OwnerKeyError::File(path, error))?;
            return Ok(Some(record));
        }
        Err(error) => return Err(OwnerKeyError::File(path, error)),
    };
    match keyring.get(&token.id()) {
        Some(_) => Ok(None),
        None => Ok(Some(KeyRecord::of(&token, new, clock.now()))),
    }
}

/// Writes the key into a fresh file, with its mode set before its content.
fn write(path: &Path, token: &Token) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    writeln!(file, "{}", token.reveal())?;
    file.sync_all()
}

#[cfg(unix)]
fn refuse_open(path: &Path) -> Result<(), OwnerKeyError> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = fs::metadata(path).map_err(|error| OwnerKeyError::File(path.to_owned(), error))?.mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(OwnerKeyError::Open(path.to_owned())) }
}

#[cfg(not(unix))]
fn refuse_open(_: &Path) -> Result<(), OwnerKeyError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::{FakeChance, FakeClock};

    fn ensure(folder: &Path, keyring: &Keyring) -> Result<Option<KeyRecord>, OwnerKeyError> {
        let owner = Owner { tenant: "t_local".into(), principal: "owner".into() };
        ensure_owner_key(folder, owner, keyring, &FakeClock::default(), &FakeChance::default())
    }

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::default();
        let record = ensure(folder.path(), &keyring).unwrap().unwrap();
        let path = folder.path().join(OWNER_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        keyring.put(record);
        let text = fs::read_to_string(&path).unwrap();
        let principal = keyring.identify(text.trim(), Default::default()).unwrap();
        assert_eq!((principal.id.as_str(), principal.role), ("owner", Role::Admin));
        assert_eq!(ensure(folder.path(), &keyring).unwrap(), None);
    }

    #[test]
    fn a_store_that_was_lost_gets_the_owners_key_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = ensure(folder.path(), &Keyring::default()).unwrap().unwrap();
        let again = ensure(folder.path(), &Keyring::default()).unwrap().unwrap();
        assert_eq!((first.id, first.hash), (again.id, again.hash));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        ensure(folder.path(), &Keyring::default()).unwrap();
        let path = folder.path().join(OWNER_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(ensure(folder.path(), &Keyring::default()), Err(OwnerKeyError::Open(_))));
    }
}
