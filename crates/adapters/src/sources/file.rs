//! Source `file`: files below a folder, chosen by globs. Links are not followed, and what `.gitignore` names is
//! left out unless a glob names it letter by letter.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use affiant_engine::ports::{SourceFailure, SourceItem};
use affiant_journal::Digest;
use sha2::{Digest as _, Sha256};

use super::{
    fail,
    media::{Gathered, name},
};
use crate::{
    files::Selection,
    paths::{Folder, Found, PathError},
};

/// The most files of one source.
const MOST: usize = 20_000;

pub(super) fn read(
    roots: &[PathBuf],
    root: &str,
    include: &[String],
    exclude: &[String],
) -> Result<Vec<SourceItem>, SourceFailure> {
    let folder = Folder::open(roots, root)?;
    let selection = Selection::new(include, exclude).map_err(|why| fail("unreadable", why))?;
    let found = selection.files(&folder, &|| false)?;
    if found.is_empty() && selection.is_exact() {
        return Err(fail("not-found", format!("{} is not in the folder", include.join(", "))));
    }
    if found.len() > MOST {
        let message = format!("the globs match {} files; {MOST} are read at most", found.len());
        return Err(fail("too-large", message));
    }
    let mut gathered = Gathered::default();
    for file in &found {
        gather(&folder, file, &mut gathered)?;
    }
    Ok(gathered.items())
}

fn gather(folder: &Folder, found: &Found, gathered: &mut Gathered) -> Result<(), SourceFailure> {
    let name = name(&found.path.to_bytes());
    let origin = folder.path().join(&name).to_string_lossy().into_owned();
    let file = match folder.file(&found.path) {
        // It has gone since the folder was listed: then it is not part of it.
        Err(PathError::NotFound(_)) => return Ok(()),
        other => other?,
    };
    let unreadable = |error: io::Error| fail("unreadable", format!("{}: {error}", crate::display::escape(&name)));
    let size = file.metadata().map_err(unreadable)?.len();
    if gathered.has_room(size) {
        let mut bytes = Vec::new();
        file.take(super::media::LARGEST_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
        gathered.whole(name, origin, bytes);
    } else {
        let digest = digest(file).map_err(unreadable)?;
        gathered.omitted(name, origin, size, digest);
    }
    Ok(())
}

fn digest(mut file: File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            length => hasher.update(&buffer[..length]),
        }
    }
}
