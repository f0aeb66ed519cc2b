//! What a restore needs on the server is looked for before anything is touched, and the restore succeeds once it is there.

use crate::{
    fixture::{dump, exists, pieces},
    target::{context, request, target},
};
use backup_core::ErrorKind;
use backup_postgres::{dump::Compression, target::Way};
use backup_tests::Postgres;
use futures::StreamExt;

const MAKE: [(&str, &str); 4] = [
    ("configured", "CREATE ROLE configured"),
    ("Mapped one", "CREATE ROLE \"Mapped one\""),
    (
        "tables_there",
        "SET allow_in_place_tablespaces = on; CREATE TABLESPACE tables_there LOCATION ''",
    ),
    (
        "database_there",
        "SET allow_in_place_tablespaces = on; CREATE TABLESPACE database_there LOCATION ''",
    ),
];

#[tokio::test]
async fn what_a_dump_needs_is_refused_by_name_as_long_as_it_is_missing() {
    let server = Postgres::start();
    for (_, make) in MAKE {
        server.psql("postgres", make);
    }
    server.psql(
        "postgres",
        "CREATE DATABASE needy TEMPLATE template0 TABLESPACE database_there",
    );
    server.psql(
        "needy",
        "CREATE TABLE t (x int PRIMARY KEY USING INDEX TABLESPACE tables_there); CREATE FOREIGN DATA WRAPPER w;
        CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR \"Mapped one\" SERVER s; CREATE USER MAPPING FOR PUBLIC SERVER s;
        ALTER ROLE configured IN DATABASE needy SET work_mem = '1MB'",
    );
    let bytes = dump(&server, "needy", Compression::None).await;
    server.psql("needy", "DROP USER MAPPING FOR \"Mapped one\" SERVER s");
    server.psql("postgres", "DROP DATABASE needy");
    for (name, _) in MAKE {
        let kind = if name.ends_with("there") { "TABLESPACE" } else { "ROLE" };
        server.psql("postgres", &format!("DROP {kind} \"{name}\""));
    }
    let (target, cx, request) = (target(&server), context(), request("needy", "needy", Way::Create));
    for (name, make) in MAKE {
        let planned = target.plan_restore(&cx, &request, pieces(&bytes).boxed()).await;
        let planned = planned.map(drop).unwrap_err();
        let restored = Box::pin(target.restore(&cx, &request, || pieces(&bytes).boxed())).await;
        assert_eq!(restored.map(drop).unwrap_err().to_string(), planned.to_string());
        assert_eq!(planned.kind(), ErrorKind::Refused);
        assert!(planned.to_string().contains(name), "{name}: {planned}");
        assert!(planned.hints()[0].contains("--globals") && !exists(&server, "needy"));
        server.psql("postgres", make);
    }
    Box::pin(target.restore(&cx, &request, || pieces(&bytes).boxed()))
        .await
        .unwrap();
    assert_eq!(server.psql("needy", "SELECT count(*) FROM pg_user_mapping"), "2");
}
