//! Where the client programs of PostgreSQL are, and whether they are new enough.

use crate::client_process::{ClientProcess, Streams};
use backup_core::{Error, ErrorKind, Result};
use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::io::AsyncReadExt;

/// Where Debian and PGDG packages put their versions, as `15/bin`.
const PACKAGED: &str = "/usr/lib/postgresql";

/// Where to look for the client programs.
#[derive(Debug, Clone, Default)]
pub struct ToolLocations {
    /// The only folder to look in, if one was configured.
    pub folder: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
}

/// The version of a client program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolVersion {
    /// Major version, as 15.
    pub major: u32,
    /// The whole of it, as `15.18 (Debian 15.18-0+deb12u1)`.
    pub text: String,
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The client programs of one version.
#[derive(Debug, Clone)]
pub struct ClientTools {
    folder: PathBuf,
    version: ToolVersion,
}

impl ClientTools {
    /// Finds programs of at least major version `at_least`: that of the server, and of the `pg_dump` that wrote what is to be restored.
    ///
    /// The configured folder alone, if there is one; else the first in `PATH`, else the *lowest* packaged version that is enough: `pg_restore` of a newer
    /// major version sets parameters that an older server does not know.
    ///
    /// # Errors
    /// `Config` with what to install, if there are none or only older ones.
    pub async fn find(locations: &ToolLocations, at_least: u32) -> Result<Self> {
        let mut seen = Vec::new();
        for folder in candidates(locations)? {
            let version = version_of(&folder.join("pg_dump")).await?;
            if version.major >= at_least {
                return Ok(Self { folder, version });
            }
            seen.push(format!("{} in {}", version.major, folder.display()));
        }
        Err(not_found(at_least, &seen))
    }

    /// Finds the programs for a restore: of the lowest major version that is at least `at_least`, wherever they are. [`ClientTools::find`] prefers those in
    /// `PATH`; a newer `pg_restore` sets parameters that an older server does not know, and fails.
    ///
    /// # Errors
    /// As [`ClientTools::find`].
    pub async fn find_nearest(locations: &ToolLocations, at_least: u32) -> Result<Self> {
        let mut nearest: Option<Self> = None;
        for folder in candidates(locations)? {
            let version = version_of(&folder.join("pg_dump")).await?;
            let nearer = nearest.as_ref().is_none_or(|found| version.major < found.version.major);
            if version.major >= at_least && nearer {
                nearest = Some(Self { folder, version });
            }
        }
        match nearest {
            Some(found) => Ok(found),
            None => Self::find(locations, at_least).await,
        }
    }

    /// Their version.
    #[must_use]
    pub fn version(&self) -> &ToolVersion {
        &self.version
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn not_found(at_least: u32, seen: &[String]) -> Error {
    let package = if at_least == 0 {
        "postgresql-client".to_owned()
    } else {
        format!("postgresql-client-{at_least}")
    };
    let message = if seen.is_empty() {
        "no pg_dump was found".to_owned()
    } else {
        format!(
            "no pg_dump of version {at_least} or newer was found, only {}",
            seen.join(", ")
        )
    };
    Error::new(ErrorKind::Config, message).hint(format!(
        "install the package {package}, or name the folder that has the programs"
    ))
}

fn candidates(locations: &ToolLocations) -> Result<Vec<PathBuf>> {
    if let Some(folder) = &locations.folder {
        return Ok(folder
            .join("pg_dump")
            .exists()
            .then(|| folder.clone())
            .into_iter()
            .collect());
    }
    let mut found: Vec<PathBuf> = locations
        .path
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|folder| folder.is_absolute() && is_program(&folder.join("pg_dump")))
        .take(1)
        .collect();
    found.extend(packaged(Path::new(PACKAGED))?);
    Ok(found)
}

/// Debian's `/usr/bin/pg_dump` is a script that chooses a version by rules of its own; the programs it chooses from are looked at directly.
fn is_program(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| !real.ends_with("pg_wrapper"))
}

fn packaged(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(root, error)),
    };
    let mut versions = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(root, error))?.path();
        let major = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
        if let Some(major) = major.filter(|_| path.join("bin/pg_dump").exists()) {
            versions.push((major, path.join("bin")));
        }
    }
    versions.sort();
    Ok(versions.into_iter().map(|(_, folder)| folder).collect())
}

fn unreadable(folder: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the folder {} cannot be read", folder.display()),
    )
    .because(error)
}

async fn version_of(program: &Path) -> Result<ToolVersion> {
    let streams = Streams {
        stdin: Stdio::null(),
        stdout: Stdio::piped(),
    };
    let mut process = ClientProcess::spawn(program, &["--version"], streams)?;
    let mut text = String::new();
    process
        .take_stdout()?
        .take(4096)
        .read_to_string(&mut text)
        .await
        .map_err(|error| {
            Error::new(
                ErrorKind::Config,
                format!("{} does not say its version", program.display()),
            )
            .because(error)
        })?;
    process.wait().await?.vouch()?;
    parse_version(&text).ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            format!("{} does not say its version", program.display()),
        )
    })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
fn parse_version(line: &str) -> Option<ToolVersion> {
    let text = line.trim().split_once("(PostgreSQL) ")?.1.to_owned();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let major = digits.parse().ok()?;
    Some(ToolVersion { major, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by a process of its own: a file that this one wrote could not be run (`ETXTBSY`) while a child that another test starts at that moment
    /// still holds it open for writing.
    fn fake(folder: &Path, version: &str) {
        std::fs::create_dir_all(folder).unwrap();
        let written = std::process::Command::new("/bin/sh")
            .args(["-c", r#"printf '%s' "$1" > "$2" && chmod 755 "$2""#, "sh"])
            .arg(format!("#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n"))
            .arg(folder.join("pg_dump"))
            .status();
        assert!(written.unwrap().success());
    }

    #[tokio::test]
    async fn programs_older_than_the_server_are_refused_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "14.9 (Debian 14.9-1)");
        let locations = ToolLocations {
            folder: Some(folder.path().into()),
            path: None,
        };
        let error = ClientTools::find(&locations, 15).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.hints()[0].contains("postgresql-client-15"), "{error:?}");
        let tools = ClientTools::find(&locations, 14).await.unwrap();
        assert_eq!(
            tools.version(),
            &ToolVersion {
                major: 14,
                text: "14.9 (Debian 14.9-1)".into()
            }
        );
    }

    #[tokio::test]
    async fn a_restore_takes_the_nearest_programs_and_a_dump_those_in_path() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "99.1 (a folder in PATH)");
        let locations = ToolLocations {
            folder: None,
            path: Some(folder.path().into()),
        };
        let newest_packaged = ClientTools::find_nearest(&ToolLocations::default(), 0).await.unwrap();
        let nearest = ClientTools::find_nearest(&locations, 0).await.unwrap();
        assert_eq!(nearest.version(), newest_packaged.version());
        assert_eq!(ClientTools::find(&locations, 0).await.unwrap().version().major, 99);
        // Nothing nearer is new enough.
        assert_eq!(
            ClientTools::find_nearest(&locations, 99).await.unwrap().version().major,
            99
        );
        let error = ClientTools::find_nearest(&locations, 100).await.unwrap_err();
        assert!(error.hints()[0].contains("postgresql-client-100"), "{error:?}");
    }

    #[tokio::test]
    async fn a_folder_without_programs_is_an_error_even_if_others_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let locations = ToolLocations {
            folder: Some(folder.path().into()),
            path: None,
        };
        assert!(ClientTools::find(&locations, 0).await.is_err());
    }

    #[test]
    fn packaged_versions_come_lowest_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "17", "15"] {
            fake(&root.path().join(version).join("bin"), version);
        }
        std::fs::create_dir(root.path().join("common")).unwrap();
        let found = packaged(root.path()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(root.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["9/bin", "15/bin", "17/bin"]);
        assert!(packaged(&root.path().join("none")).unwrap().is_empty());
    }
}
