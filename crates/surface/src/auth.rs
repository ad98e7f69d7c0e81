//! Who calls? API keys: how they look, how they are kept, and whom they stand for.
//!
//! A key is 256 random bits. The store holds only its SHA-256: there is no dictionary of 256-bit values to try, so a
//! slow password hash would add nothing but work for every call. Loopback is not a login; the first start writes the
//! owner's key into the data folder, readable by its owner alone.

mod key;
mod keyring;
mod owner;

pub use key::{KeyRecord, NewKey, Token};
pub use keyring::{COLLECTION, Credential, Keyring};
pub use owner::{OWNER_FILE, Owner, OwnerKeyError, ensure_owner_key};
