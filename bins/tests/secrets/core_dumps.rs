//! No core dump, and no look into the memory by another process of the same user.

use super::{PROGRAMS, command};
use std::{
    fs::{self, OpenOptions, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Command, Stdio},
};

const USER: u32 = 12_345;

#[test]
fn every_program_forbids_core_dumps_before_it_reads_a_secret() {
    for program in PROGRAMS {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (copy, pipe) = (folder.path().join("program"), folder.path().join("config.toml"));
        backup_tests::copy_program(program, &copy);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        chown(&pipe, Some(USER), None).unwrap();
        let mut started = command(&copy);
        started
            .arg("--config")
            .arg(&pipe)
            .arg("show-config")
            .uid(USER)
            .gid(USER);
        if !program.ends_with("admin") {
            started = command(&copy);
            started.arg("--config").arg(&pipe).arg("list").uid(USER).gid(USER);
        }
        let mut child = started.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Opens as soon as the program reads its configuration, where it stays until something is written.
        let held = OpenOptions::new().write(true).open(&pipe).unwrap();
        let process = Path::new("/proc").join(child.id().to_string());
        let limits = fs::read_to_string(process.join("limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let values: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(values, ["0", "0"], "{program}: soft and hard");
        // The kernel gives the files of a process that may not be dumped to root.
        assert_eq!(fs::metadata(process.join("environ")).unwrap().uid(), 0, "{program}");
        let killed = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let status = child.wait().unwrap();
        assert!(
            status.signal() == Some(6) && !status.core_dumped(),
            "{program}: {status:?}"
        );
        drop(held);
    }
}
