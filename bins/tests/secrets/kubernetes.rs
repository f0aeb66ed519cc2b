//! Secret volumes as kubelet makes them: they belong to root and to the `fsGroup`, and names are links into a folder that changes as a whole.

use super::{PROGRAMS, command, ended};
use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A user as some clusters draw them.
const USER: u32 = 1_000_710_000;
const GROUP: u32 = 1_000_720_000;

struct Pod {
    folder: TempDir,
    program: PathBuf,
}

impl Pod {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("backup-admin");
        backup_tests::copy_program(PROGRAMS[0], &program);
        Self { folder, program }
    }

    /// A volume with one file of `mode` that belongs to `owner`; the name that a container is given.
    fn volume(&self, name: &str, text: &str, (mode, owner): (u32, u32)) -> PathBuf {
        let volume = self.folder.path().join(format!("volume-{name}-{mode:o}-{owner}"));
        let dated = volume.join("..2026_12_01_10_00_00.123456789");
        fs::create_dir_all(&dated).unwrap();
        for folder in [&volume, &dated] {
            chown(folder, Some(0), Some(GROUP)).unwrap();
            fs::set_permissions(folder, Permissions::from_mode(0o2770)).unwrap();
        }
        let file = dated.join(name);
        fs::write(&file, text).unwrap();
        chown(&file, Some(owner), Some(GROUP)).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        symlink(dated.file_name().unwrap(), volume.join("..data")).unwrap();
        symlink(Path::new("..data").join(name), volume.join(name)).unwrap();
        volume.join(name)
    }

    /// The program as that user, in the group of the volume.
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let mut setpriv = command("/usr/bin/setpriv");
        setpriv
            .arg(format!("--reuid={USER}"))
            .arg(format!("--regid={USER}"))
            .arg(format!("--groups={GROUP}"))
            .arg(&self.program)
            .args(arguments)
            .envs(variables.iter().copied());
        ended(&mut setpriv)
    }
}

fn key_text() -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.key");
    let (code, text) = ended(command(PROGRAMS[0]).args(["keys", "new", "--out"]).arg(&file));
    assert_eq!(code, 0, "{text}");
    fs::read_to_string(file).unwrap()
}

/// What kubelet makes of `defaultMode` 0400 and 0440, and 0600 and 0640, where there is an `fsGroup`; and files that the user owns himself.
const PRIVATE: [(u32, u32); 4] = [(0o440, 0), (0o640, 0), (0o400, USER), (0o600, USER)];
/// The default of Kubernetes, and what else lets others in.
const OPEN: [(u32, u32); 5] = [(0o644, 0), (0o444, 0), (0o660, 0), (0o440, USER), (0o640, USER)];

#[test]
fn a_pod_that_is_not_root_uses_the_key_of_a_secret_volume() {
    let (pod, key) = (Pod::new(), key_text());
    for access in PRIVATE {
        let file = pod.volume("backup.key", &key, access);
        let (code, text) = pod.run(&["keys", "check", file.to_str().unwrap()], &[]);
        assert_eq!(code, 0, "{access:?}: {text}");
    }
    for access in OPEN {
        let file = pod.volume("backup.key", &key, access);
        let (code, text) = pod.run(&["keys", "check", file.to_str().unwrap()], &[]);
        assert_eq!(code, 3, "{access:?}: {text}");
        assert!(text.contains("defaultMode: 0440") && text.contains("fsGroup"), "{text}");
    }
}

#[test]
fn passwords_and_tokens_in_files_have_the_same_rule() {
    let pod = Pod::new();
    for name in ["POSTGRES_PASSWORD_FILE", "PGPASSWORD_FILE", "VAULT_TOKEN_FILE"] {
        let show = |access| {
            let file = pod.volume(name, "geheim-4711\n", access);
            pod.run(&["show-config"], &[(name, file.to_str().unwrap())])
        };
        for access in PRIVATE {
            let (code, text) = show(access);
            assert!(code == 0 && !text.contains("geheim"), "{access:?}: {text}");
        }
        for access in OPEN {
            let (code, text) = show(access);
            assert_eq!(code, 3, "{access:?}: {text}");
            assert!(text.contains("defaultMode: 0440") && !text.contains("geheim"), "{text}");
        }
    }
}

#[test]
fn a_key_that_the_pod_may_not_read_names_what_the_pod_lacks() {
    let (pod, key) = (Pod::new(), key_text());
    let file = pod.volume("backup.key", &key, (0o400, 0));
    let (code, text) = pod.run(&["keys", "check", file.to_str().unwrap()], &[]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("defaultMode: 0440") && text.contains("fsGroup"), "{text}");
}

#[test]
fn a_key_from_a_pipe_of_the_shell_is_read() {
    let (pod, key) = (Pod::new(), key_text());
    let file = pod.folder.path().join("backup.key");
    fs::write(&file, key).unwrap();
    chown(&file, Some(USER), None).unwrap();
    let script = format!("{} keys check <(cat {})", pod.program.display(), file.display());
    let mut shell = Command::new("bash");
    let (code, text) = ended(shell.args(["-c", &script]).uid(USER).gid(USER));
    assert_eq!(code, 0, "{text}");
}
