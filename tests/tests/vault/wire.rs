//! A line to a real server that breaks.

use crate::fixture::Kit;
use backup_core::ErrorKind;
use backup_tests::{Action, FaultProxy, Rule, Vault};
use std::time::Duration;

const SNAPSHOT: &str = "sys/storage/raft/snapshot";

#[tokio::test]
async fn a_snapshot_that_breaks_off_is_taken_again_and_one_that_always_does_is_never_stored() {
    let server = Vault::ready();
    let proxy = FaultProxy::start(server.port()).await;
    let faults = [
        (Action::Cut, ErrorKind::SourceUnreachable),
        (Action::Reset, ErrorKind::SourceUnreachable),
        (Action::AnswerLost, ErrorKind::SourceUnreachable),
        (Action::Stall(Duration::from_secs(20)), ErrorKind::SourceUnreachable),
        (Action::FlipResponseBit, ErrorKind::SourceFailed),
    ];
    for (fault, kind) in faults {
        let kit = Kit::new();
        let mut target = kit.target(&proxy.endpoint(), server.root_token());
        if matches!(fault, Action::Stall(_)) {
            target.settings.idle_timeout = Duration::from_secs(5);
        }
        let (rule, hits) = (Rule::new(fault).path(SNAPSHOT), proxy.hits());
        proxy.add(rule.clone());
        let failed = kit.backup(&target).await.unwrap_err();
        assert_eq!(failed.kind(), kind, "{fault:?}: {failed:?}");
        assert!(!kit.stored_something() && proxy.hits() > hits, "{fault:?}");
        proxy.clear();
        if kind == ErrorKind::SourceUnreachable {
            proxy.add(rule.up_to(2));
            kit.backup(&target).await.unwrap();
            proxy.clear();
        }
    }
}
