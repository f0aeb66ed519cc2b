//! Where the client programs of PostgreSQL are, and whether they are new enough.

use crate::client_process::{ClientProcess, Streams};
use backup_core::{
    Error, ErrorKind, Result,
    event::{Finding, Severity},
};
use std::{
    collections::HashSet,
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::io::AsyncReadExt;

/// The programs that backups and restores run; the first one is asked for its version.
const PROGRAMS: [&str; 3] = ["pg_dump", "pg_dumpall", "pg_restore"];

/// Where packages put their versions: `/usr/lib/postgresql/15/bin` those for Debian, `/usr/pgsql-15/bin` those for Red Hat.
const PACKAGED: [(&str, &str, &str); 2] = [("/usr/lib/postgresql", "", "bin"), ("/usr", "pgsql-", "bin")];

/// Where to look for the client programs.
#[derive(Debug, Clone, Default)]
pub struct ToolLocations {
    /// The only folder to look in, if one was configured: whatever its programs' version is.
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
    /// Finds the programs of the lowest major version that is at least `at_least`: that of the server, and of the `pg_dump` that wrote what is to be read.
    /// So those of the server's own version wherever they are, and else the nearest newer ones; a dump, its verification and its restore choose alike.
    ///
    /// The configured folder alone, if there is one; else the folders in `PATH`, which come first where versions are equal, and those of Debian's and PGDG's
    /// packages. Only a folder with all the programs counts.
    ///
    /// # Errors
    /// `Config` with what to install, if there are none or only older ones.
    pub async fn find(locations: &ToolLocations, at_least: u32) -> Result<Self> {
        let mut nearest: Option<Self> = None;
        let mut seen = Vec::new();
        for folder in candidates(locations)? {
            match version_of(&folder.join(PROGRAMS[0])).await {
                Ok(version) => {
                    seen.push(format!("{} in {}", version.major, folder.display()));
                    let nearer = nearest.as_ref().is_none_or(|found| version.major < found.version.major);
                    if version.major >= at_least && nearer {
                        nearest = Some(Self { folder, version });
                    }
                }
                // One that does not run is no reason to leave out another that does.
                Err(error) => seen.push(error.chain()),
            }
        }
        nearest.ok_or_else(|| not_found(locations, at_least, &seen))
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

    /// What it means that they are newer than a server of major version `server`; nothing if they are not.
    #[must_use]
    pub fn newer_than(&self, server: u32) -> Option<Finding> {
        (self.version.major > server).then(|| Finding {
            severity: Severity::Note,
            subject: "versions".into(),
            message: format!(
                "the client programs are of version {0}, newer than the server's {server}: what they dump is restored with programs of version {0} or newer",
                self.version.major
            ),
            hint: Some(format!(
                "have them where a restore is going to run, or install the package postgresql-client-{server}"
            )),
        })
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn not_found(locations: &ToolLocations, at_least: u32, seen: &[String]) -> Error {
    let package = if at_least == 0 {
        "postgresql-client".to_owned()
    } else {
        format!("postgresql-client-{at_least}")
    };
    let place = match &locations.folder {
        Some(folder) => format!(" in {}", folder.display()),
        None => String::new(),
    };
    let programs = PROGRAMS.join(", ");
    let message = if seen.is_empty() {
        format!("no {programs} were found{place}")
    } else {
        format!(
            "no {programs} of version {at_least} or newer were found, only {}",
            seen.join("; ")
        )
    };
    Error::new(ErrorKind::Config, message).hint(format!(
        "install the package {package}, or name the folder that has the programs"
    ))
}

fn candidates(locations: &ToolLocations) -> Result<Vec<PathBuf>> {
    if let Some(folder) = &locations.folder {
        return Ok(Vec::from_iter(has_programs(folder).then(|| folder.clone())));
    }
    let path = locations.path.iter().flat_map(std::env::split_paths);
    let mut found: Vec<PathBuf> = path.filter(|folder| folder.is_absolute()).collect();
    for (root, before, after) in PACKAGED {
        found.extend(packaged(Path::new(root), before, after)?);
    }
    // /bin is /usr/bin, and a name in PATH may lead to a packaged version.
    let mut met = HashSet::new();
    found.retain(|folder| has_programs(folder) && real(folder).is_some_and(|program| met.insert(program)));
    Ok(found)
}

fn has_programs(folder: &Path) -> bool {
    PROGRAMS.iter().all(|name| folder.join(name).exists())
}

/// Where the programs of a folder are. Debian's `/usr/bin/pg_dump` is a script that chooses a version by rules of its own; the programs it chooses from are
/// looked at directly.
fn real(folder: &Path) -> Option<PathBuf> {
    let program = folder.join(PROGRAMS[0]).canonicalize();
    program.ok().filter(|real| !real.ends_with("pg_wrapper"))
}

/// The folders of `root` that are named by a version.
fn packaged(root: &Path, before: &str, after: &str) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(root, error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(root, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_prefix(before));
        if name.is_some_and(|version| version.parse::<u32>().is_ok()) {
            folders.push(path.join(after));
        }
    }
    folders.sort();
    Ok(folders)
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
        let write = r#"for name in pg_dump pg_dumpall pg_restore; do printf '%s' "$1" > "$2/$name" && chmod 755 "$2/$name"; done"#;
        let written = std::process::Command::new("/bin/sh")
            .args(["-c", write, "sh"])
            .arg(format!("#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n"))
            .arg(folder)
            .status();
        assert!(written.unwrap().success());
    }

    fn alone(folder: &Path) -> ToolLocations {
        ToolLocations {
            folder: Some(folder.into()),
            path: None,
        }
    }

    #[tokio::test]
    async fn programs_older_than_the_server_are_refused_with_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        fake(folder.path(), "14.9 (Debian 14.9-1)");
        let locations = alone(folder.path());
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
    async fn programs_of_the_servers_own_version_are_taken_wherever_they_are_and_else_the_nearest_newer_ones() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["97.1", "95.2", "96.3", "95.4"].map(|version| {
            fake(&root.path().join(version), version);
            root.path().join(version)
        });
        let locations = ToolLocations {
            folder: None,
            path: Some(std::env::join_paths(&folders).unwrap()),
        };
        for (server, taken) in [(93, "95.2"), (95, "95.2"), (96, "96.3"), (97, "97.1")] {
            let tools = ClientTools::find(&locations, server).await.unwrap();
            assert_eq!(tools.version().text, taken, "for a server {server}");
            assert_eq!(tools.newer_than(server).is_some(), server == 93);
        }
        let error = ClientTools::find(&locations, 98).await.unwrap_err();
        assert!(error.hints()[0].contains("postgresql-client-98"), "{error:?}");
        assert!(error.to_string().contains("97 in "), "{error}");
        // Packaged programs are nearer to an old server than those in PATH, and a folder that was configured is the only one.
        assert!(ClientTools::find(&locations, 0).await.unwrap().version().major < 95);
        let configured = ClientTools::find(&alone(&folders[0]), 0).await.unwrap();
        assert_eq!(configured.version().major, 97);
    }

    #[tokio::test]
    async fn a_folder_without_all_programs_or_with_broken_ones_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let [half, broken, good] = ["half", "broken", "good"].map(|name| root.path().join(name));
        for folder in [&half, &broken, &good] {
            fake(folder, "98.1");
        }
        std::fs::remove_file(half.join("pg_restore")).unwrap();
        let broke = std::process::Command::new("/bin/sh")
            .args(["-c", "echo 'exit 1' > \"$1/pg_dump\"", "sh"])
            .arg(&broken)
            .status();
        assert!(broke.unwrap().success());
        let locations = ToolLocations {
            folder: None,
            path: Some(std::env::join_paths([&half, &broken, &good]).unwrap()),
        };
        let tools = ClientTools::find(&locations, 98).await.unwrap();
        assert_eq!(tools.folder(), good);
        for folder in [&half, &broken] {
            assert_eq!(
                ClientTools::find(&alone(folder), 0).await.unwrap_err().kind(),
                ErrorKind::Config
            );
        }
    }

    #[tokio::test]
    async fn a_folder_without_programs_is_an_error_even_if_others_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let error = ClientTools::find(&alone(folder.path()), 0).await.unwrap_err();
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn packaged_versions_are_found_as_debian_and_red_hat_name_their_folders() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "17", "15", "pgsql-16", "common", "pgsql-x"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let names = |before| {
            let found = packaged(root.path(), before, "bin").unwrap();
            let names = found
                .iter()
                .map(|path| path.strip_prefix(root.path()).unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(""), ["15/bin", "17/bin", "9/bin"].map(PathBuf::from));
        assert_eq!(names("pgsql-"), [PathBuf::from("pgsql-16/bin")]);
        assert!(packaged(&root.path().join("none"), "", "bin").unwrap().is_empty());
    }
}
