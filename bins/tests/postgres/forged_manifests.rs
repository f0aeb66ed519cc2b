//! Manifests that anybody who may write to the store can put there take no memory.

use crate::bed::{Bed, database};
use sha2::{Digest, Sha256};
use std::{fs, process::Command};

/// In MiB. What the program itself takes, of which a third is its code; and 24 for what waits to be parsed. Before there was a limit: 2,900 for each.
const MOST: u64 = 96;

/// A document of this length whose digest is right, and which nobody signed: lists in lists, which take 32 bytes of memory for each 3.
fn forged(length: usize) -> Vec<u8> {
    let mut bytes = br#"{"format":1,"details":{"a":["#.to_vec();
    while bytes.len() < length - 200 {
        bytes.extend_from_slice(b"[],");
    }
    bytes.extend_from_slice(b"[]]}}");
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    bytes.extend_from_slice(format!("\npbe1-manifest sha256={digest}\n").as_bytes());
    bytes
}

/// The most memory that a program took, in MiB, and its exit code.
fn peak(bed: &Bed, arguments: &[&str]) -> (u64, i32) {
    const SCRIPT: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, code)";
    let program = bed.command(arguments);
    let mut python = Command::new("/usr/bin/python3");
    python
        .args(["-c", SCRIPT])
        .arg(program.get_program())
        .args(program.get_args());
    python.env_clear();
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            python.env(name, value);
        }
    }
    let printed = String::from_utf8(python.output().unwrap().stdout).unwrap();
    let (peak, code) = printed.trim().split_once(' ').unwrap();
    (peak.parse().unwrap(), code.parse().unwrap())
}

#[test]
fn sixteen_forged_manifests_of_any_length_take_no_memory() {
    let (bed, _) = (Bed::folder(), database("forged"));
    let id = bed.dump("forged");
    let folder = bed.path("store");
    for number in 0..16 {
        let length = if number % 2 == 0 { 63 << 20 } else { 511 << 10 };
        let name = format!("{folder}/_pbe/manifests/20200101_0000{number:02}.json");
        fs::write(name, forged(length)).unwrap();
    }
    for (arguments, code) in [
        (&["list"][..], 0),
        (&["verify"], 0),
        (&["restore", "forged", "--confirm", "forged"], 0),
        (&["--database", "forged"], 0),
        (&["prune", "--keep-last", "1"], 0),
        (&["verify", "--all"], 10),
    ] {
        let (peak, ended) = peak(&bed, arguments);
        assert_eq!(ended, code, "{arguments:?}");
        assert!(peak <= MOST, "{arguments:?} took {peak} MiB");
        eprintln!("{arguments:?}: {peak} MiB");
    }
    bed.run(&["list"])
        .succeeds()
        .shows(&[&id, "of one that no known key signed no more than"]);
}
