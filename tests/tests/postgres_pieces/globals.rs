use crate::fixture::{settings, tools};
use backup_core::ErrorKind;
use backup_postgres::{
    Secret, ServerSettings, Session,
    dump::globals_stream,
    restore::{Existing, GlobalsPlan, GlobalsRestored},
    server_facts,
};
use backup_tests::Postgres;
use bytes::Bytes;
use futures::{StreamExt, stream};

async fn globals(settings: &ServerSettings) -> (String, Option<String>) {
    let session = Session::connect(settings, "postgres").await.unwrap();
    let facts = server_facts(&session).await.unwrap();
    let dump = globals_stream(settings, &tools().await, &facts).unwrap();
    let pieces: Vec<Bytes> = dump
        .stream
        .map(|piece| piece.expect("a dump that succeeds"))
        .collect()
        .await;
    (
        String::from_utf8(pieces.concat()).unwrap(),
        dump.finding.and_then(|finding| finding.hint),
    )
}

async fn restore(settings: &ServerSettings, sql: &str, existing: Existing) -> backup_core::Result<GlobalsRestored> {
    let stream = stream::iter([Ok(Bytes::from(sql.to_owned()))]);
    GlobalsPlan::new(settings, stream, existing).await?.run().await
}

#[tokio::test]
async fn roles_come_back_with_passwords_and_memberships_and_existing_ones_do_not_stop_it() {
    let server = Postgres::start();
    server.psql("postgres", "CREATE ROLE team; CREATE ROLE \"Odd one\" LOGIN PASSWORD 'x'; GRANT team TO \"Odd one\"; ALTER ROLE \"Odd one\" SET work_mem TO '7MB'");
    let describe = "SELECT rolname, rolcanlogin, rolpassword, (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid), (SELECT count(*) FROM pg_auth_members WHERE member = a.oid) FROM pg_authid a ORDER BY 1";
    let before = server.psql("postgres", describe);
    let (sql, hint) = globals(&settings(&server)).await;
    assert!(hint.is_none() && sql.contains("SCRAM-SHA-256"));
    server.psql("postgres", "DROP ROLE \"Odd one\"; ALTER ROLE team LOGIN");
    let settings = settings(&server);
    let cut = restore(&settings, &sql[..sql.len() / 2], Existing::Overwrite)
        .await
        .unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Damaged);
    for created in [vec!["Odd one".to_owned()], vec![]] {
        let done = restore(&settings, &sql, Existing::LeaveAlone).await.unwrap();
        assert_eq!(done.created, created);
        assert!(done.existed.contains(&"team".into()) && done.existed.contains(&"kernel".into()));
    }
    assert_eq!(
        server.psql("postgres", "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'team'"),
        "t",
        "a role that was there stays as it is"
    );
    server.psql("postgres", "ALTER ROLE team NOLOGIN");
    assert_eq!(server.psql("postgres", describe), before);
    server.psql(
        "postgres",
        "ALTER ROLE \"Odd one\" NOLOGIN PASSWORD 'y'; ALTER ROLE team LOGIN",
    );
    restore(&settings, &sql, Existing::Overwrite).await.unwrap();
    assert_eq!(server.psql("postgres", describe), before);
    let broken = sql.replace("ALTER ROLE team ", "ALTER ROLE nobody ");
    let error = restore(&settings, &broken, Existing::Overwrite).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SourceFailed);
    assert!(error.chain().contains("role \"nobody\" does not exist"), "{error:?}");
}

/// Of which `psql` would obey each, wherever a reader thinks that the quotes are.
#[tokio::test]
async fn whatever_is_hidden_in_a_dump_runs_no_program_here() {
    let settings = settings(Postgres::shared());
    let folder = tempfile::tempdir().unwrap();
    let planted = folder.path().join("planted");
    for hidden in [
        "SET application_name = E'a''\\'' \\! PROGRAM #';",
        "SET application_name = 1 -- c\r\\! PROGRAM\n;",
        "SELECT pg_catalog.set_config('standard_'||'conforming_strings','off',false);\nSET application_name = '\\'' \\! PROGRAM #';",
        "SET application_name = x \\! PROGRAM\n;",
        "CREATE TEMP TABLE t(a text);\nCOPY t FROM STDIN;\n'\n\\.\n\\! PROGRAM\n'\n;",
    ] {
        let script = hidden.replace("PROGRAM", &format!("touch {}", planted.display()));
        let sql = format!("{script}\n-- PostgreSQL database cluster dump complete\n");
        let failed = restore(&settings, &sql, Existing::Overwrite).await.unwrap_err();
        assert!(
            matches!(failed.kind(), ErrorKind::SourceFailed | ErrorKind::Refused),
            "{failed:?}"
        );
        assert!(!planted.exists(), "{hidden}");
    }
}

#[tokio::test]
async fn a_role_that_may_not_read_passwords_gets_the_roles_without_them_and_is_told() {
    let server = Postgres::shared();
    server.psql("postgres", "CREATE ROLE globals_reader LOGIN PASSWORD 'planted'");
    let reader = ServerSettings {
        user: "globals_reader".into(),
        password: Some(Secret::new("planted")),
        ..settings(server)
    };
    let (sql, hint) = globals(&reader).await;
    assert!(sql.contains("CREATE ROLE globals_reader;") && !sql.contains("PASSWORD"));
    assert!(hint.unwrap().contains("pg_authid"));
}
