use crate::{
    dump::{LARGE, start},
    fixture::{CONTENT, database, dump, settings, target, tools, until},
};
use backup_core::Result;
use backup_postgres::{dump::Compression, restore::restore_in_place};
use backup_tests::Postgres;
use bytes::Bytes;
use futures::{StreamExt, stream};
use rustix::process::Pid;
use std::fs;

/// The child of this process that runs `program` on `database`, once it does.
pub(crate) async fn child_of_this_process(program: &str, database: &str) -> Pid {
    let look = || find_child(program, database);
    until(program, || look().is_some()).await;
    look().expect("it still runs")
}

fn find_child(program: &str, database: &str) -> Option<Pid> {
    let children = || {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        tasks.flatten().flat_map(|task| {
            // A thread may end while we look.
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            children
                .split_whitespace()
                .map(|pid| pid.parse::<i32>().unwrap())
                .collect::<Vec<_>>()
        })
    };
    let runs = |pid: &i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').next().is_some_and(|name| name.ends_with(program))
            && line.contains(&format!("dbname='{database}'"))
    };
    children().find(runs).and_then(Pid::from_raw)
}

fn assert_no_secret_but_in(pid: Pid, descriptor: &str) {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("{folder}/{file}")).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            !text.contains(Postgres::PASSWORD) && !text.contains("secret@1"),
            "{file}"
        );
        assert!(!text.contains("CARGO"), "{file}: nothing of this process's environment");
    }
    let holders: Vec<_> = fs::read_dir(format!("{folder}/fd"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link.to_string_lossy().contains("memfd")))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(holders, [descriptor]);
}

#[tokio::test]
async fn no_secret_is_in_arguments_or_environment_of_pg_dump() {
    let server = Postgres::shared();
    database(server, "secret_dump", LARGE);
    database(server, "secret_other", LARGE);
    let settings = settings(server);
    let (mut first, mut second) = tokio::join!(start(&settings, "secret_dump"), start(&settings, "secret_other"));
    assert!(first.next().await.unwrap().is_ok() && second.next().await.unwrap().is_ok());
    for database in ["secret_dump", "secret_other"] {
        assert_no_secret_but_in(child_of_this_process("pg_dump", database).await, "0");
    }
}

#[tokio::test]
async fn no_secret_is_in_arguments_or_environment_of_pg_restore() {
    let server = Postgres::shared();
    database(server, "secret_source", CONTENT);
    database(server, "secret_target", "");
    let bytes = dump(server, "secret_source", Compression::None).await;
    let (settings, tools) = (settings(server), tools().await);
    let half = bytes.len() / 2;
    let looked = stream::once(async move {
        assert_no_secret_but_in(child_of_this_process("pg_restore", "secret_target").await, "1");
        Ok(bytes.slice(half..))
    });
    let first = dump(server, "secret_source", Compression::None).await.slice(..half);
    let stream = stream::iter([Ok(first)] as [Result<Bytes>; 1]).chain(looked);
    restore_in_place(target(&settings, &tools, "secret_target"), stream.boxed())
        .await
        .unwrap();
    assert_eq!(server.psql("secret_target", "SELECT count(*) FROM accounts"), "3000");
}
