use crate::fixture::{settings, tools};
use backup_core::ErrorKind;
use backup_postgres::{
    ServerSettings, Session, SslMode,
    dump::{Compression, DumpRequest, dump_stream},
};
use backup_tests::{Postgres, PostgresOptions};
use futures::StreamExt;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// Makes `cert.pem` (by the authority `ca.pem`) and `own.pem` (self-signed, as the manual of PostgreSQL has it) for the name `db.test`, with keys that
/// the server's user may read.
const CERTIFICATES: &str = "set -e; chmod 0755 .
    new='req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30'
    openssl $new -subj /CN=authority -keyout ca.key -out ca.pem
    openssl $new -subj /CN=db.test -addext subjectAltName=DNS:db.test -keyout own.key -out own.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=db.test -keyout cert.key -out cert.csr
    echo subjectAltName=DNS:db.test > names
    openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out cert.pem
    chmod 0644 *.pem; chmod 0600 *.key
    if [ $(id -u) = 0 ]; then chgrp postgres *.key; chmod 0640 *.key; fi";

pub(crate) fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    let made = shell
        .args(["-c", CERTIFICATES])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

pub(crate) fn server(folder: &Path, name: &str) -> Postgres {
    let file = |name: &str| folder.join(name).display().to_string();
    Postgres::start_with(&PostgresOptions {
        settings: vec![
            ("ssl".into(), "on".into()),
            ("ssl_cert_file".into(), file(&format!("{name}.pem"))),
            ("ssl_key_file".into(), file(&format!("{name}.key"))),
        ],
        ..PostgresOptions::default()
    })
}

async fn connects(settings: &ServerSettings) -> backup_core::Result<()> {
    Session::connect(settings, "postgres").await.map(drop)
}

/// With the root certificate `good`, and with another authority's.
async fn modes_mean_what_they_mean_to_libpq(server: &Postgres, good: &Path) {
    let with = |sslmode, sslrootcert: Option<&Path>| ServerSettings {
        sslmode,
        sslrootcert: sslrootcert.map(Into::into),
        ..settings(server)
    };
    for mode in [SslMode::Disable, SslMode::Allow, SslMode::Prefer, SslMode::Require] {
        connects(&with(mode, None)).await.unwrap();
    }
    for mode in [SslMode::Require, SslMode::VerifyCa] {
        connects(&with(mode, Some(good))).await.unwrap();
    }
    let name = connects(&with(SslMode::VerifyFull, Some(good))).await.unwrap_err();
    assert_eq!(
        name.kind(),
        ErrorKind::SourceFailed,
        "the certificate names another host: {name:?}"
    );
    let none = connects(&with(SslMode::VerifyFull, None)).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Config);
    let other = certificates();
    let foreign = connects(&with(SslMode::VerifyCa, Some(&other.path().join("ca.pem"))))
        .await
        .unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::SourceFailed, "{foreign:?}");
    pg_dump_agrees(
        &with(SslMode::VerifyCa, Some(good)),
        &with(SslMode::VerifyFull, Some(good)),
    )
    .await;
}

#[tokio::test]
async fn tls_modes_mean_what_they_mean_to_libpq() {
    let folder = certificates();
    for (name, root) in [("cert", "ca.pem"), ("own", "own.pem")] {
        let server = server(folder.path(), name);
        modes_mean_what_they_mean_to_libpq(&server, &folder.path().join(root)).await;
    }
}

async fn pg_dump_agrees(good: &ServerSettings, bad: &ServerSettings) {
    let tools = tools().await;
    for (settings, works) in [(good, true), (bad, false)] {
        let request = DumpRequest {
            settings,
            tools: &tools,
            database: "postgres",
            encoding: None,
            compression: Compression::None,
        };
        let items: Vec<_> = dump_stream(request).unwrap().0.collect().await;
        assert_eq!(items.iter().all(Result::is_ok), works, "{}", settings.sslmode);
    }
}

/// A certificate for the role `teller`, by the authority of the server, with a key that only its owner may read. As the manual of PostgreSQL makes it, it is
/// of version 1.
const CLIENT: &str = "set -e
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=teller -keyout teller.key -out teller.csr
    openssl x509 -req -in teller.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out teller.pem
    chmod 0644 teller.pem; chmod 0600 teller.key
    printf 'hostssl all teller 127.0.0.1/32 cert\\nhost all all 127.0.0.1/32 scram-sha-256\\nlocal all all scram-sha-256\\n' > hba
    chmod 0644 hba";

/// A server that takes the role `teller` by its certificate alone, and the settings for it. `folder` has the [`certificates`].
pub(crate) fn certificate_alone(folder: &Path) -> (ServerSettings, Postgres) {
    let mut shell = Command::new("sh");
    let made = shell.args(["-c", CLIENT]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = Postgres::start_with(&PostgresOptions {
        settings: [
            ("ssl_cert_file", "cert.pem"),
            ("ssl_key_file", "cert.key"),
            ("ssl_ca_file", "ca.pem"),
            ("hba_file", "hba"),
        ]
        .map(|(name, file)| (name.to_owned(), folder.join(file).display().to_string()))
        .into_iter()
        .chain([("ssl".to_owned(), "on".to_owned())])
        .collect(),
        ..PostgresOptions::default()
    });
    server.psql("postgres", "CREATE ROLE teller LOGIN SUPERUSER");
    let good = ServerSettings {
        user: "teller".into(),
        password: None,
        sslmode: SslMode::Require,
        sslcert: Some(folder.join("teller.pem")),
        sslkey: Some(folder.join("teller.key")),
        ..settings(&server)
    };
    (good, server)
}

#[tokio::test]
async fn a_client_certificate_logs_in_without_a_password_and_pg_dump_shows_it_too() {
    let folder = certificates();
    let path = |name: &str| folder.path().join(name);
    let (good, _server) = certificate_alone(folder.path());
    let bare = ServerSettings {
        sslcert: None,
        sslkey: None,
        ..good.clone()
    };
    assert_eq!(connects(&bare).await.unwrap_err().kind(), ErrorKind::SourceFailed);
    connects(&good).await.unwrap();
    pg_dump_agrees(&good, &bare).await;
    for (sslcert, sslkey) in [
        (Some(path("teller.pem")), None),
        (None, Some(path("teller.key"))),
        (Some(path("cert.pem")), Some(path("teller.key"))),
        (Some(path("teller.pem")), Some(path("hba"))),
        (Some(path("none.pem")), Some(path("teller.key"))),
    ] {
        let wrong = ServerSettings {
            sslcert,
            sslkey,
            ..bare.clone()
        };
        let error = connects(&wrong).await.unwrap_err();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let required = ServerSettings {
        sslmode: SslMode::Require,
        ..settings(Postgres::shared())
    };
    let error = connects(&required).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed, "{error:?}");
}
