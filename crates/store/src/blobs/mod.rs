//! Large payloads as files, named by their digest: `<folder>/<tenant>/ab/cd/<rest of the digest>`.
//!
//! A file appears under its name only when all its bytes are on disk, so that a name is never half a payload.
//! What is read is checked against its name.

mod memory;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use affiant_engine::ports::{Blobs, StoreError};
use affiant_journal::{Digest, TenantId};
use async_trait::async_trait;

pub use self::memory::MemoryBlobs;
use crate::{errors::of_io, folder};

/// Payloads in a folder.
#[derive(Clone)]
pub struct FileBlobs {
    folder: PathBuf,
    written: Arc<AtomicU64>,
}

impl FileBlobs {
    /// Payloads in this folder. Removes what writers left behind that did not come to an end; the caller holds
    /// the lock of the data folder, so no writer is at work.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        let unfinished = folder.join("tmp");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        folder::make(&unfinished)?;
        Ok(Self { folder, written: Arc::default() })
    }

    fn place(&self, tenant: &TenantId, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(folder::name_of(tenant)).join(&hex[..2]).join(&hex[2..4]).join(&hex[4..])
    }

    fn keep(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        let home = place.parent().expect("a payload has folders above it");
        if fs::metadata(place).is_ok_and(|found| found.len() == bytes.len() as u64) {
            // The writer that put it there may not have come to the next line yet.
            return folder::sync(home);
        }
        folder::make(home)?;
        let unfinished = self.folder.join("tmp").join(self.written.fetch_add(1, Ordering::Relaxed).to_string());
        let written = write_through(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, place));
        if let Err(error) = written {
            // A disk that is full needs the room; that the file cannot be removed changes nothing about the error.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        folder::sync(home)
    }
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read(place: &Path, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
    match fs::read(place) {
        Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes.into())),
        Ok(_) => Err(StoreError::Damaged(format!("the bytes of blob {digest} are not those that were kept"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of_io(error)),
    }
}

/// Runs blocking file work where it holds nobody up.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(Box::new(error)))?
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, StoreError> {
        let (blobs, tenant, bytes) = (self.clone(), tenant.clone(), bytes.to_vec());
        apart(move || {
            let digest = Digest::of(&bytes);
            blobs.keep(&blobs.place(&tenant, &digest), &bytes).map_err(of_io)?;
            Ok(digest)
        })
        .await
    }

    async fn get(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        let (place, digest) = (self.place(tenant, digest), *digest);
        apart(move || read(&place, &digest)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, FileBlobs, TenantId) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(folder.path().join("blobs")).unwrap();
        (folder, blobs, "t_1".into())
    }

    #[tokio::test]
    async fn what_was_put_comes_back_for_its_tenant_only() {
        let (_folder, blobs, tenant) = blobs();
        let digest = blobs.put(&tenant, b"text").await.unwrap();
        assert_eq!(digest, Digest::of(b"text"));
        assert_eq!(blobs.put(&tenant, b"text").await.unwrap(), digest);
        assert_eq!(blobs.get(&tenant, &digest).await.unwrap().as_deref(), Some(&b"text"[..]));
        assert_eq!(blobs.get(&"t_2".into(), &digest).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_tenant_with_a_name_like_a_path_stays_in_its_folder() {
        let (folder, blobs, _) = blobs();
        for name in ["..", "../../x", "/etc", "", "a/b", "Ünïcode", &"long".repeat(100)] {
            let tenant = TenantId::from(name);
            let digest = blobs.put(&tenant, name.as_bytes()).await.unwrap();
            assert_eq!(blobs.get(&tenant, &digest).await.unwrap().as_deref(), Some(name.as_bytes()));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn altered_bytes_are_refused_and_a_cut_file_is_written_again() {
        let (_folder, blobs, tenant) = blobs();
        let digest = blobs.put(&tenant, b"text").await.unwrap();
        let place = blobs.place(&tenant, &digest);
        fs::write(&place, b"text, altered").unwrap();
        assert!(matches!(blobs.get(&tenant, &digest).await, Err(StoreError::Damaged(_))));
        fs::write(&place, b"te").unwrap();
        blobs.put(&tenant, b"text").await.unwrap();
        assert_eq!(blobs.get(&tenant, &digest).await.unwrap().as_deref(), Some(&b"text"[..]));
    }

    #[tokio::test]
    async fn what_an_interrupted_writer_left_is_gone_after_the_next_start() {
        let (folder, blobs, _) = blobs();
        fs::write(blobs.folder.join("tmp/0"), b"half").unwrap();
        let again = FileBlobs::open(folder.path().join("blobs")).unwrap();
        assert_eq!(fs::read_dir(again.folder.join("tmp")).unwrap().count(), 0);
    }
}
