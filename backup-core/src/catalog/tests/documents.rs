use super::kit::{TARGET, ring};
use crate::{
    ErrorKind,
    catalog::{Depth, Evidence, Format, Trust, document},
    id::{BackupId, Id16},
};
use jiff::Timestamp;

fn evidence() -> Evidence {
    Evidence {
        format: Format,
        id: BackupId::at(Timestamp::UNIX_EPOCH),
        repository: Id16([1; 16]),
        manifest: [2; 32],
        target: TARGET.into(),
        at: Timestamp::UNIX_EPOCH,
        depth: Depth::Content,
        ok: true,
        damaged: vec![],
        tool: "test".into(),
    }
}

fn with_json(json: &str) -> Vec<u8> {
    use sha2::Digest;
    let digest = crate::hex::encode(&sha2::Sha256::digest(json));
    format!("{json}\npbe1-evidence sha256={digest}\n").into_bytes()
}

#[test]
fn documents_read_as_they_are_written() {
    let signed = document::encode(&evidence(), Some(&ring(1))).unwrap();
    let read = document::decode::<Evidence>(&signed, Some(&ring(1))).unwrap();
    assert_eq!(read.value, evidence());
    assert!(read.trust.is_signed());
    let stranger = document::decode::<Evidence>(&signed, Some(&ring(2))).unwrap();
    assert!(matches!(stranger.trust, Trust::UnknownSigner(_)));
    let keyless = document::decode::<Evidence>(&signed, None).unwrap();
    assert!(matches!(keyless.trust, Trust::UnknownSigner(_)));
    let plain = document::encode(&evidence(), None).unwrap();
    assert_eq!(
        document::decode::<Evidence>(&plain, Some(&ring(1))).unwrap().trust,
        Trust::Unsigned
    );
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let good = document::encode(&evidence(), Some(&ring(1))).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << bit;
            let read = document::decode::<Evidence>(&bad, Some(&ring(1)));
            // A flip in the id of the key leaves an honest document by a key that nobody knows.
            let trusted = read.is_ok_and(|read| read.trust.is_signed());
            assert!(!trusted, "byte {at} bit {bit}");
        }
        let cut = document::decode::<Evidence>(&good[..at], Some(&ring(1))).map(|read| read.trust);
        assert_eq!(cut.unwrap_err().kind(), ErrorKind::Damaged, "cut at {at}");
    }
}

#[test]
fn without_a_key_flips_and_cuts_of_the_content_are_found_too() {
    let good = document::encode(&evidence(), None).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << bit;
            let error = document::decode::<Evidence>(&bad, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn only_canonical_bytes_are_accepted() {
    let good = String::from_utf8(document::encode(&evidence(), Some(&ring(1))).unwrap().to_vec()).unwrap();
    let (json, line) = good.trim_end().split_once('\n').unwrap();
    let wrong = [
        format!("{json}\n{line}"),
        format!("{json}\n{line}\n\n"),
        format!("\n{json}\n{line}\n"),
        format!("{json}\n\n{line}\n"),
        format!("{json}\r\n{line}\n"),
        format!("{json}\n{line}\r\n"),
        format!("{json}\n{line} \n"),
        format!("{json}\n{}\n", line.replace(" sha256", "  sha256")),
        format!("{json}\n{}\n", line.to_uppercase()),
        format!("{json}\n{}\n", line.replace("evidence", "manifest")),
        format!("{json}\n{line}\n{line}\n"),
        format!("{json}\n"),
    ];
    for bytes in wrong {
        let error = document::decode::<Evidence>(bytes.as_bytes(), Some(&ring(1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{bytes}");
    }
}

#[test]
fn a_newer_format_is_refused_and_unknown_fields_are_ignored() {
    let json = serde_json::to_string(&evidence()).unwrap();
    let newer = with_json(&json.replacen("\"format\":1", "\"format\":2", 1));
    assert_eq!(
        document::decode::<Evidence>(&newer, None).unwrap_err().kind(),
        ErrorKind::Refused
    );
    let older = with_json(&json.replacen("\"format\":1", "\"format\":0", 1));
    assert_eq!(
        document::decode::<Evidence>(&older, None).unwrap_err().kind(),
        ErrorKind::Damaged
    );
    let more = with_json(&json.replacen("\"format\":1", "\"format\":1,\"new\":[1]", 1));
    assert_eq!(document::decode::<Evidence>(&more, None).unwrap().value, evidence());
    assert_eq!(
        document::decode::<Evidence>(&with_json("[1]"), None)
            .unwrap_err()
            .kind(),
        ErrorKind::Damaged
    );
}

#[test]
fn documents_beyond_their_limit_are_refused_before_they_are_parsed() {
    let long = Evidence {
        damaged: vec!["x".repeat(65 << 10)],
        ..evidence()
    };
    assert_eq!(document::encode(&long, None).unwrap_err().kind(), ErrorKind::Internal);
    let bytes = with_json(&serde_json::to_string(&long).unwrap());
    assert_eq!(
        document::decode::<Evidence>(&bytes, None).unwrap_err().kind(),
        ErrorKind::Damaged
    );
}
