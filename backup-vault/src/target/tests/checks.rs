//! `check` says everything at once.

use super::kit::{GOOD_TOKEN, Kit, healthy, subjects};
use crate::client::tests::fake::{Dead, error, json};
use backup_core::{
    event::{Finding, Severity},
    target::BackupTarget,
};

const MAY_READ: &str = r#"{"data":{"sys/storage/raft/snapshot":["read"],"sys/storage/raft/snapshot-force":["deny"]}}"#;

async fn checked(token: &'static str, rights: &'static str) -> Vec<Finding> {
    let kit = Kit::answering(move |seen| match seen.path.as_str() {
        "/v1/auth/token/lookup-self" => json(200, token),
        "/v1/sys/capabilities-self" => json(200, rights),
        _ => healthy(seen).unwrap_or_else(|| error(404, "")),
    })
    .await;
    let findings = kit.target.check(&kit.cx).await.unwrap();
    assert!(kit.store.keys().is_empty());
    assert_eq!(kit.asked("/v1/auth/token/renew-self"), 0);
    findings
}

#[tokio::test]
async fn all_is_well_in_one_line_each() {
    let findings = checked(GOOD_TOKEN, MAY_READ).await;
    assert_eq!(subjects(&findings)[1..], ["leader", "token", "policy"]);
    assert!(
        findings.iter().all(|finding| finding.severity == Severity::Note),
        "{findings:?}"
    );
}

#[tokio::test]
async fn trust_in_any_server_is_found_whether_it_answers_or_not() {
    for up in [true, false] {
        let mut kit = Kit::answering(move |seen| {
            let answer = if up { healthy(seen) } else { None };
            answer.unwrap_or_else(|| error(404, ""))
        })
        .await;
        kit.target.settings.skip_verify = true;
        let findings = kit.target.check(&kit.cx).await.unwrap();
        let found = (findings[0].severity, findings[0].subject.as_str());
        assert_eq!(found, (Severity::Warning, "TLS"), "{findings:?}");
        assert!(findings.len() > 1);
    }
}

#[tokio::test]
async fn the_documented_token_is_found_short_lived_and_dependent() {
    let documented = r#"{"data":{"policies":["default","vault-snapshot"],"orphan":false,"renewable":true,"ttl":500000,"type":"service","expire_time":"x"}}"#;
    let findings = checked(documented, MAY_READ).await;
    let text = format!("{findings:?}");
    for what in [
        "ends in 5 days",
        "dies with the token",
        "not periodic",
        "-orphan -period=768h",
    ] {
        assert!(text.contains(what), "{text}");
    }
}

#[tokio::test]
async fn a_token_that_can_do_more_than_needed_or_less_is_found() {
    let root = r#"{"data":{"policies":["root"],"orphan":true,"renewable":false,"ttl":0,"type":"service"}}"#;
    let all = r#"{"data":{"sys/storage/raft/snapshot":["root"],"sys/storage/raft/snapshot-force":["root"]}}"#;
    let text = format!("{:?}", checked(root, all).await);
    assert!(
        text.contains("may do everything") && text.contains("may also restore"),
        "{text}"
    );

    let none = r#"{"data":{"sys/storage/raft/snapshot":["deny"]}}"#;
    let findings = checked(GOOD_TOKEN, none).await;
    let policy = findings.last().unwrap();
    assert_eq!((policy.severity, policy.subject.as_str()), (Severity::Error, "policy"));
    assert!(policy.hint.as_ref().unwrap().contains(r#"capabilities = ["read"]"#));

    let many = r#"{"data":{"policies":["default","a","b"],"orphan":true,"renewable":true,"ttl":9000000,"period":9,"type":"service"}}"#;
    assert!(format!("{:?}", checked(many, MAY_READ).await).contains("more policies than a backup needs: a, b"));
}

#[tokio::test]
async fn rights_beside_the_needed_one_are_named() {
    let found = |acl: &'static str, rights: &'static str| async move {
        let kit = Kit::answering(move |seen| match seen.path.as_str() {
            "/v1/sys/internal/ui/resultant-acl" => json(200, acl),
            "/v1/sys/capabilities-self" => json(200, rights),
            _ => healthy(seen).unwrap_or_else(|| error(404, "")),
        })
        .await;
        let policy = kit.target.check(&kit.cx).await.unwrap().pop().unwrap();
        assert_eq!(
            (policy.severity, policy.subject.as_str()),
            (Severity::Warning, "policy")
        );
        assert!(policy.hint.unwrap().contains(r#"capabilities = ["read"]"#));
        policy.message
    };
    let everywhere = r#"{"data":{"exact_paths":{},"glob_paths":{"":{"capabilities":["list","read"]}},"root":false}}"#;
    assert!(found(everywhere, MAY_READ).await.ends_with("at *"));
    let some = r#"{"data":{"exact_paths":{"sys/storage/raft/snapshot":{"capabilities":["read"]},"a":{"capabilities":["read"]},"b":{"capabilities":["list"]}},
"glob_paths":{"c":{"capabilities":["read"]},"d/":{"capabilities":["read"]},"e/":{"capabilities":["read"]},"f/":{"capabilities":["sudo"]}}}}"#;
    assert!(
        found(some, MAY_READ)
            .await
            .ends_with("at a, b, c*, d/*, e/* and 1 more")
    );
    let within = r#"{"data":{"sys/storage/raft/snapshot":["read"],"secret/data/x":["read"],"sys/raw/x":["deny"]}}"#;
    assert!(found(r#"{"data":{}}"#, within).await.ends_with("at secret/data/x"));
}

#[tokio::test]
async fn a_token_for_a_number_of_uses_is_found() {
    let two = r#"{"data":{"policies":["default","vault-snapshot"],"orphan":true,"renewable":true,"ttl":2700000,"period":9,"num_uses":2,"type":"service"}}"#;
    assert!(format!("{:?}", checked(two, MAY_READ).await).contains("can be used 2 more times"));
    let last = r#"{"data":{"policies":["default","vault-snapshot"],"orphan":true,"renewable":true,"ttl":2700000,"period":9,"num_uses":-1,"type":"service"}}"#;
    let findings = checked(last, MAY_READ).await;
    assert_eq!(
        subjects(&findings)[1..],
        ["leader", "token"],
        "nothing more is asked of it"
    );
    assert!(findings[2].message.contains("used for the last time"), "{findings:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_finding_and_not_an_error() {
    let dead = Dead::new();
    let mut kit = Kit::answering(|_| Vec::new()).await;
    kit.target.settings.addr.clone_from(&dead.address);
    let findings = kit.target.check(&kit.cx).await.unwrap();
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Error));
    assert!(findings[0].hint.as_ref().unwrap().contains("VAULT_ADDR"));
}
