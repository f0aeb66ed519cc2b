//! No server outlives its test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backup_tests::{Minio, Postgres, PostgresOptions, http_request};

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A test process with servers of its own, and a folder for theirs.
fn test_process(temporary: &Path) -> (Child, Vec<u32>) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_test-servers"))
        .args(["postgres", "minio"])
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("test-servers starts");
    let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
    let lines = lines.map(|line| line.expect("text")).take_while(|line| line != "ready");
    let pids = lines.filter_map(|line| line.split_once("_PID=").map(|(_, pid)| pid.parse().expect("a number")));
    let pids = pids.collect();
    (process, pids)
}

fn temporary_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    // The system user of PostgreSQL must pass through it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder.path(), mode).expect("a mode");
    folder
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").next().is_none()
}

#[test]
fn killing_the_test_process_ends_its_servers_and_removes_their_folders() {
    let temporary = temporary_folder();
    let (mut process, pids) = test_process(temporary.path());
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| is_running(*pid)));

    process.kill().expect("SIGKILL can be sent");
    process.wait().expect("it ends");

    wait_until("the end of the servers", || !pids.iter().any(|pid| is_running(*pid)));
    wait_until("the removal of the folders", || is_empty(temporary.path()));
}

#[test]
fn a_test_process_that_ends_leaves_nothing_behind() {
    let temporary = temporary_folder();
    let (mut process, pids) = test_process(temporary.path());
    drop(process.stdin.take());
    assert!(process.wait().expect("it ends").success());
    assert!(
        !pids.iter().any(|pid| is_running(*pid)),
        "dropping a server waits for its end"
    );
    assert!(is_empty(temporary.path()));
}

#[test]
fn a_panicking_test_stops_its_server() {
    let (send, receive) = std::sync::mpsc::sync_channel(1);
    let test = std::thread::spawn(move || {
        let minio = Minio::start();
        send.send(minio.pid()).expect("a receiver");
        panic!("on purpose");
    });
    test.join().expect_err("it panics");
    assert!(!is_running(receive.recv().expect("the process id")));
}

#[test]
fn minio_keeps_its_data_over_a_kill() {
    let mut minio = Minio::start();
    minio.create_bucket("kept");
    let killed = minio.pid();
    minio.kill();
    assert!(!is_running(killed));
    http_request("GET", minio.port(), "/kept/").expect_err("nobody listens");

    minio.start_again();
    let (status, answer) = http_request("GET", minio.port(), "/kept/").expect("an answer");
    assert_eq!(status, 403, "an existing bucket refuses unsigned requests: {answer}");
}

#[test]
fn postgres_answers_on_tcp_and_socket_and_survives_stop_and_kill() {
    let mut postgres = Postgres::start();
    postgres.psql(
        "postgres",
        "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1), (2)",
    );
    postgres.stop();
    assert!(!postgres.try_psql("postgres", "SELECT 1").status.success());
    postgres.start_again();
    postgres.psql("postgres", "INSERT INTO kept VALUES (3); CHECKPOINT");
    postgres.kill();
    postgres.start_again();
    assert_eq!(
        postgres.psql("postgres", "SELECT string_agg(n::text, ',') FROM kept"),
        "1,2,3"
    );

    let socket = Command::new(format!("{}/psql", Postgres::BINARIES))
        .args(["-XAtc", "SELECT inet_server_addr() IS NULL", "postgres"])
        .envs(postgres.environment())
        .env("PGHOST", postgres.socket_folder())
        .output()
        .expect("psql runs");
    assert_eq!(
        String::from_utf8_lossy(&socket.stdout),
        "t\n",
        "{}",
        String::from_utf8_lossy(&socket.stderr)
    );
}

#[test]
fn postgres_asks_for_the_password_and_takes_it_from_the_url() {
    let postgres = Postgres::shared();
    let login = |url: &str| {
        let psql = format!("{}/psql", Postgres::BINARIES);
        Command::new(psql)
            .args(["-XAtwc", "SELECT current_user", url])
            .output()
            .expect("psql runs")
    };
    let url = postgres.url("postgres");
    assert_eq!(String::from_utf8_lossy(&login(&url).stdout), "kernel\n");
    let wrong = url.replacen(":pg", ":xx", 1);
    assert_ne!(wrong, url);
    let refused = login(&wrong);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("password authentication failed"));
}

#[test]
fn postgres_settings_are_those_asked_for() {
    let settings = vec![("max_locks_per_transaction".to_owned(), "17".to_owned())];
    let postgres = Postgres::start_with(&PostgresOptions { fsync: true, settings });
    assert_eq!(
        postgres.psql("postgres", "SHOW fsync; SHOW max_locks_per_transaction"),
        "on\n17"
    );
    assert_eq!(Postgres::shared().psql("postgres", "SHOW fsync"), "off");
}

#[test]
fn each_version_of_postgres_runs_beside_its_own_client_programs() {
    for major in Postgres::VERSIONS {
        let postgres = Postgres::shared_version(major);
        assert_eq!(
            postgres.psql("postgres", "SELECT current_setting('server_version_num')::int / 10000"),
            major.to_string()
        );
        for program in ["pg_dump", "pg_dumpall", "pg_restore", "psql"] {
            let said = Command::new(postgres.binaries().join(program))
                .arg("--version")
                .output()
                .expect("a client program");
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains(&format!("(PostgreSQL) {major}.")), "{program}: {said}");
        }
    }
}
