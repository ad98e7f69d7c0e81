//! What the tests need beyond Rust: found, or installed, or named in one sentence.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::sh;

/// Installs a Debian package unless `program` is there already.
pub(crate) fn debian(program: &str, package: &str) -> Result<PathBuf> {
    let path = PathBuf::from("/usr/bin").join(program);
    if path.exists() {
        return Ok(path);
    }
    if !sh::exists("apt-get") {
        bail!("this check needs `{program}`; install it and run again");
    }
    println!("  installing {package}, because this check needs `{program}`");
    let quiet = ["-qq", "-o=Dpkg::Use-Pty=0"];
    sh::output(sh::program("apt-get").args(quiet).arg("update"))?;
    let mut install = sh::program("apt-get");
    install
        .args(quiet)
        .args(["install", "--yes", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive");
    sh::output(&mut install)?;
    if !path.exists() {
        bail!("package {package} did not bring `{program}`; install it and run again");
    }
    Ok(path)
}

/// A Python virtual environment under `target/` with these packages; gives its `python`.
pub(crate) fn python(requirements: &Path) -> Result<PathBuf> {
    if !sh::exists("python3") {
        debian("python3", "python3")?;
    }
    let wanted = std::fs::read_to_string(requirements)?;
    let name = requirements.parent().and_then(Path::file_name).unwrap_or_default();
    let venv = sh::target().join("python").join(name);
    let (python, stamp) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("  installing Python packages of {} into target/", requirements.display());
    if sh::output(sh::program("python3").args(["-m", "venv"]).arg(&venv)).is_err() {
        debian("python3-venv", "python3-venv").ok();
        sh::output(sh::program("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let mut pip = sh::program(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements);
    sh::output(&mut pip)?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// A copy of an npm project under `target/` with its packages installed; gives the folder.
pub(crate) fn npm(project: &Path) -> Result<PathBuf> {
    if !sh::exists("npm") {
        debian("npm", "npm")?;
    }
    let folder = sh::target().join("npm").join(project.file_name().unwrap_or_default());
    std::fs::create_dir_all(&folder)?;
    let wanted = std::fs::read_to_string(project.join("package.json"))?;
    let stamp = folder.join("installed.json");
    for file in std::fs::read_dir(project)? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::fs::copy(file.path(), folder.join(file.file_name()))?;
        }
    }
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    println!("  installing npm packages of {} into target/", project.display());
    let mut install = sh::program("npm");
    install.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"]).current_dir(&folder);
    sh::output(&mut install)?;
    std::fs::write(stamp, wanted)?;
    Ok(folder)
}
