//! Ten thousand backups.

use super::kit::{Job, Place, server};
use std::{fs, thread::sleep, time::Duration};

/// The most memory that a process ever had, in KiB.
fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The manifest of one backup under ten thousand names: each is read and shown, as one that does not belong there.
#[test]
fn ten_thousand_manifests_are_listed_in_bounded_memory() {
    const COUNT: usize = 10_000;
    let place = Place::folder(Job::postgres(server()));
    assert_eq!(place.run(&["dump", "--database", super::kit::DATABASE]).code, 0);
    let (id, _) = place.listed().remove(0);
    let manifests = place.store().join("_pbe/manifests");
    let bytes = fs::read(manifests.join(format!("{id}.json"))).unwrap();
    for number in 0..COUNT {
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        fs::write(
            manifests.join(format!("20240101_{hour:02}{minute:02}{second:02}.json")),
            &bytes,
        )
        .unwrap();
    }
    let out = place.folder.path().join("out");
    let mut command = place.program(&["list", "--json"]);
    let mut child = command.stdout(fs::File::create(&out).unwrap()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak(child.id()).unwrap_or(0));
        sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    let shown: serde_json::Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(shown["backups"].as_array().unwrap().len(), COUNT + 1);
    assert!(most > 0 && most < 150 << 10, "{most} KiB");
}
