//! Which state is in force, where the server seals itself, keeps its old state, or its answer is lost.

use super::*;

/// What was written last is there.
fn keeps_its_marker() -> impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync {
    let written = Mutex::new(String::new());
    move |seen: &Seen| {
        let mut written = written.lock().unwrap();
        match (seen.path == MARKER, seen.method.as_str()) {
            (true, "POST") => {
                *written = String::from_utf8(seen.body.clone()).unwrap();
                Some(json(204, ""))
            }
            (true, _) => Some(json(200, &format!(r#"{{"data":{written}}}"#))),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_204_after_which_the_old_state_stays_is_a_failure() {
    let kit = server(keeps_its_marker()).await;
    let failed = restore_in_vain(&kit, &request()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceFailed);
    assert!(failed.chain().contains("old state is still in force"), "{failed:?}");
}

#[tokio::test]
async fn of_a_server_that_never_comes_back_after_a_204_nobody_says_which_state_is_in_force() {
    for answer in [vec![Step::Reset], error(500, "x")] {
        let kit = server(move |seen| (seen.path == MARKER && seen.method == "GET").then(|| answer.clone())).await;
        let failed = restore_in_vain(&kit, &request()).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::SourceUnreachable, "{failed:?}");
        assert!(failed.to_string().contains("nothing certain was heard"), "{failed:?}");
        assert!(failed.hints()[0].contains("may be in force"), "{failed:?}");
    }
}

fn waiting() -> RestoreRequest {
    RestoreRequest {
        wait_unsealed: Some(Duration::from_secs(30)),
        ..request()
    }
}

/// Sealed as soon as it has the snapshot, is unsealed, and still has its marker: the restore failed half-way, or it was only started again.
async fn comes_back_with_its_old_state(then: impl Fn(&Seen) -> Option<Vec<Step>> + Send + Sync + 'static) -> Kit {
    let (sealing, keeping) = (seals_after(0, 2), keeps_its_marker());
    server(move |seen| match (then(seen), seen.path == MARKER) {
        (Some(steps), _) => {
            sealing(seen);
            Some(steps)
        }
        (None, true) => keeping(seen),
        (None, false) => sealing(seen),
    })
    .await
}

#[tokio::test]
async fn a_server_that_seals_itself_and_is_unsealed_with_its_old_state_is_a_failure() {
    let kit = comes_back_with_its_old_state(|_| None).await;
    let failed = restore_in_vain(&kit, &waiting()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
    assert!(failed.chain().contains("old state is still in force"), "{failed:?}");
}

#[tokio::test]
async fn a_lost_answer_of_a_server_that_is_sealed_then_is_known_once_it_is_unsealed() {
    let lost = |seen: &Seen| (seen.path == FORCE).then(gateway_timeout);
    let sealing = seals_after(1, 3);
    let taken = server(move |seen| {
        let known = sealing(seen);
        lost(seen).or(known)
    })
    .await;
    let restored = restore(&taken, &file(), &waiting()).await.unwrap();
    assert_eq!(restored.state, RestoredState::InForce);
    assert!(restored.is_cluster(CLUSTER) == Some(true) && !restored.unseen(&waiting()));
    let told = &restored.findings.last().unwrap().message;
    assert!(told.contains("the restored state is in force"), "{restored:?}");

    let kept = comes_back_with_its_old_state(lost).await;
    let failed = restore_in_vain(&kept, &waiting()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceFailed, "{failed:?}");
    assert!(
        failed.hints().iter().any(|hint| hint.contains("never came")),
        "{failed:?}"
    );

    let nobody = server({
        let sealing = seals_after(1, usize::MAX);
        move |seen| {
            let known = sealing(seen);
            lost(seen).or(known)
        }
    })
    .await;
    let soon = RestoreRequest {
        wait_unsealed: Some(Duration::ZERO),
        ..request()
    };
    let failed = restore(&nobody, &file(), &soon).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceUnreachable, "{failed:?}");
    assert!(
        failed.hints().join("; ").contains("ORIGINAL keys (3 of 5)"),
        "{failed:?}"
    );
}

/// What a proxy answers that had no patience.
fn gateway_timeout() -> Vec<Step> {
    let page = "<html>504 Gateway Time-out</html>";
    let head = format!(
        "HTTP/1.1 504 X\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
        page.len()
    );
    vec![Step::Send((head + page).into())]
}

#[tokio::test]
async fn where_a_proxy_answers_for_vault_the_marker_tells_whether_it_was_restored() {
    for lost in [gateway_timeout(), vec![Step::Reset]] {
        let kit = server(move |seen| (seen.path == FORCE).then(|| lost.clone())).await;
        let restored = restore(&kit, &file(), &request()).await.unwrap();
        assert_eq!(restored.state, RestoredState::InForce);
        let told = &restored.findings.last().unwrap().message;
        assert!(told.contains("the restored state is in force"), "{restored:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_server_that_seals_or_keeps_its_state_says_that_vault_may_restore_it() {
    let (sealing, keeping) = (seals_after(1, usize::MAX), keeps_its_marker());
    let lost = |seen: &Seen| (seen.path == FORCE).then(gateway_timeout);
    let sealed = server(move |seen| {
        let known = sealing(seen);
        lost(seen).or(known)
    })
    .await;
    let kept = server(move |seen| lost(seen).or_else(|| keeping(seen))).await;
    for (failed, hint) in [
        (
            restore(&sealed, &file(), &request()).await.unwrap_err(),
            "ORIGINAL keys (3 of 5)",
        ),
        (
            restore_in_vain(&kept, &request()).await.unwrap_err(),
            "look before you try again",
        ),
    ] {
        assert_eq!(failed.kind(), ErrorKind::SourceUnreachable, "{failed:?}");
        let hints = failed.hints().join("; ");
        assert!(hints.contains("all the same") && hints.contains(hint), "{failed:?}");
    }
}

#[tokio::test]
async fn stopped_after_the_last_byte_it_says_that_vault_may_restore_it_all_the_same() {
    let kit = server(|seen| (seen.path == FORCE).then(|| vec![Step::Hang])).await;
    let stop = async {
        while kit.asked(FORCE) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        kit.cx.cancel.cancel();
    };
    let (file, request) = (file(), request());
    let ended = async { tokio::join!(restore(&kit, &file, &request), stop).0 };
    let stopped = tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("it ends within a minute")
        .unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    assert!(stopped.hints()[0].contains("all the same"), "{stopped:?}");
}

/// A server whose token is looked up as `facts`, and not known any more once the snapshot was sent: its old state stays in force.
async fn forgets_the_token(facts: &'static str) -> Kit {
    let sent = Mutex::new(false);
    server(move |seen| {
        let mut sent = sent.lock().unwrap();
        *sent |= seen.path == FORCE;
        match (seen.path.as_str(), *sent) {
            ("/v1/auth/token/lookup-self", _) => Some(json(200, facts)),
            (MARKER, true) => Some(error(403, "permission denied\n\ninvalid token")),
            _ => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_token_that_ends_by_itself_is_no_proof_of_a_restored_state() {
    let ends_now = r#"{"data":{"policies":["default"],"renewable":false,"ttl":0,"type":"service","expire_time":"x"}}"#;
    let kit = forgets_the_token(ends_now).await;
    let failed = restore_in_vain(&kit, &request()).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::SourceUnreachable, "{failed:?}");
    assert!(failed.chain().contains("come to its own end"), "{failed:?}");
    assert!(failed.hints()[0].contains("may be in force"), "{failed:?}");
}

#[tokio::test]
async fn a_token_that_may_end_too_early_is_prolonged_or_warned_of() {
    let hour = r#"{"data":{"policies":["default"],"renewable":true,"ttl":3600,"type":"service","expire_time":"x"}}"#;
    let day = RestoreRequest {
        wait_unsealed: Some(Duration::from_secs(24 * 3600)),
        ..request()
    };
    // The renewal carries it 32 days.
    let restored = restore(&forgets_the_token(hour).await, &file(), &day).await.unwrap();
    let doubts: Vec<_> = restored
        .findings
        .iter()
        .filter(|finding| finding.subject == "token")
        .collect();
    assert!(
        doubts.len() == 1 && doubts[0].message.contains("dies with the token"),
        "{doubts:?}"
    );

    let fixed = r#"{"data":{"policies":["default"],"renewable":false,"ttl":3600,"type":"service","expire_time":"x"}}"#;
    let restored = restore(&forgets_the_token(fixed).await, &file(), &day).await.unwrap();
    let told = restored.findings.iter().find(|finding| finding.subject == "token");
    assert!(told.unwrap().message.contains("it ends in 35"), "{restored:?}");
}

#[tokio::test]
async fn a_token_that_can_be_used_up_on_the_way_is_refused() {
    let few = r#"{"data":{"policies":["default"],"ttl":3600,"type":"service","expire_time":"x","num_uses":7}}"#;
    let kit = forgets_the_token(few).await;
    let refused = restore(&kit, &file(), &request()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.hints()[0].contains("without -use-limit"), "{refused:?}");
    changed_nothing(&kit);
}
