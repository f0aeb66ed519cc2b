//! `check` says everything at once.

use super::kit::{GOOD_TOKEN, Kit, healthy, subjects};
use crate::client::tests::fake::{FakeVault, error, json};
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
async fn a_server_that_is_not_there_is_a_finding_and_not_an_error() {
    let dead = FakeVault::always(Vec::new()).await.address.clone();
    let mut kit = Kit::answering(|_| Vec::new()).await;
    kit.target.settings.addr = dead;
    let findings = kit.target.check(&kit.cx).await.unwrap();
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Error));
    assert!(findings[0].hint.as_ref().unwrap().contains("VAULT_ADDR"));
}
