//! Servers that can be neither backed up nor restored.

use crate::fixture::{Kit, confirmed, facts, pieces};
use backup_core::{ErrorKind, event::Severity, target::BackupTarget};
use backup_tests::Vault;
use backup_vault::RestoreRequest;

const GOLDEN: &[u8] = include_bytes!("../../../backup-vault/src/snapshot/tests/golden/vault-1.19.snap");

#[tokio::test]
async fn a_server_that_is_sealed_or_was_never_initialised_says_so() {
    let kit = Kit::new();
    let (fresh, sealed) = (Vault::start(), Vault::ready());
    let request = confirmed(&sealed, true);
    sealed.seal();
    let facts = facts(pieces(GOLDEN)).await;
    for (server, hint) in [(&fresh, "-key-shares=1 -key-threshold=1"), (&sealed, "unseal it")] {
        let target = kit.target(&server.address(), "hvs.any");
        let backup = kit.backup(&target).await.unwrap_err();
        let restore = target
            .restore(&kit.cx, pieces(GOLDEN), &facts, &request)
            .await
            .unwrap_err();
        for failed in [backup, restore] {
            assert_eq!(failed.kind(), ErrorKind::SourceFailed);
            assert!(failed.hints()[0].contains(hint), "{failed:?}");
        }
        let findings = target.check(&kit.cx).await.unwrap();
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Error));
    }
    assert!(kit.store.keys().is_empty());
}

#[tokio::test]
async fn the_name_of_the_target_is_said_and_must_be_repeated() {
    let (kit, server) = (Kit::new(), Vault::ready());
    let (facts, name) = (facts(pieces(GOLDEN)).await, crate::fixture::name(&server));
    for confirm in [None, Some("vault-cluster-other".to_owned())] {
        let request = RestoreRequest {
            confirm,
            force: true,
            ..RestoreRequest::default()
        };
        let target = kit.root(&server);
        let refused = target
            .restore(&kit.cx, pieces(GOLDEN), &facts, &request)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Refused);
        assert!(refused.hints()[0].contains(&format!("--confirm {name}")), "{refused:?}");
    }
    assert_eq!(server.health(), Some(200));
}
