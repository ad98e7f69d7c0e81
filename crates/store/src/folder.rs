//! Folders and files that belong to the server alone, and names that are safe in them.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use affiant_journal::{Digest, TenantId};

/// Makes a folder with everything above it, so that it is still there after a power cut.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => above.map_or(Ok(()), sync),
    }
}

/// Brings the names in a folder to the disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens a file for writing that only its owner may read; makes it when it is not there.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The name of a tenant's folder: the same for the same tenant, different for different ones on every file
/// system, and never a way out of the folder above it.
pub(crate) fn name_of(tenant: &TenantId) -> String {
    let text = tenant.as_str();
    if text.len() > 64 || text.is_empty() {
        return format!("~{}", Digest::of(text.as_bytes()).hex());
    }
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            other => write!(name, "%{other:02x}").expect("writing into a string does not fail"),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_folder_is_named_after_it_and_leads_nowhere_else() {
        let names = ["t_01abc", "Acme", "acme", "..", "a/b"].map(|tenant| name_of(&tenant.into()));
        assert_eq!(names, ["t_01abc", "%41cme", "acme", "%2e%2e", "a%2fb"]);
        assert!(name_of(&"x".repeat(300).into()).len() < 100);
    }
}
