use super::*;
use crate::{
    ErrorKind,
    clock::{Entropy, SystemEntropy},
    hex,
};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::HashSet;

fn new(kind: KeyKind) -> String {
    generate(kind, &SystemEntropy).unwrap().expose().to_owned()
}

fn line_of(kind: &str, bytes: [u8; 32]) -> String {
    let check = hex::encode(&sha256(&[b"pbe1/", kind.as_bytes(), b":", &bytes])[..4]);
    format!("pbe1:{kind}:{}:{check}", hex::encode(&bytes))
}

#[test]
fn a_fresh_key_file_seals_opens_and_signs() {
    let text = fresh_key_file(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap();
    let ring = Keyring::parse(text.expose(), "key file").unwrap();
    assert!(ring.can_seal() && ring.can_open() && ring.can_sign());
    let kinds: Vec<_> = ring.keys().iter().map(|key| key.kind).collect();
    assert_eq!(kinds, [KeyKind::Kek, KeyKind::Sign]);
    let verify = text.expose().lines().find(|line| line.contains("pbe1:verify")).unwrap();
    let public = Keyring::parse(verify.trim_start_matches("# "), "verify key").unwrap();
    let (id, signature) = ring.sign("manifest", &[7; 32]).unwrap().unwrap();
    assert_eq!(
        public.verify("manifest", &[7; 32], id, &signature).unwrap(),
        Trust::Signed(id)
    );
}

#[test]
fn the_recovery_file_knows_who_signs() {
    let owner = fresh_key_file(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap();
    let owner = Keyring::parse(owner.expose(), "owner").unwrap();
    let pair = recovery_pair(&SystemEntropy, Timestamp::UNIX_EPOCH)
        .unwrap()
        .trusting(&owner)
        .unwrap();
    let safe = Keyring::parse(pair.secret_file.expose(), "safe").unwrap();
    let (by, signature) = owner.sign("manifest", &[7; 32]).unwrap().unwrap();
    assert_eq!(
        safe.verify("manifest", &[7; 32], by, &signature).unwrap(),
        Trust::Signed(by)
    );
    assert!(safe.can_open() && !safe.can_seal() && !safe.can_sign());
}

#[test]
fn a_recovery_pair_splits_sealing_from_opening() {
    let pair = recovery_pair(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap();
    let mut public = Keyring::default();
    public.add_public(&pair.public, "BACKUP_RECOVERY_KEY").unwrap();
    assert!(public.can_seal() && !public.can_open() && !public.can_sign());
    let secret = Keyring::parse(pair.secret_file.expose(), "recovery file").unwrap();
    assert!(!secret.can_seal() && secret.can_open() && !secret.can_sign());
    assert_eq!(public.keys()[0].id, secret.keys()[0].id);
}

#[test]
fn no_key_to_seal_with_is_an_error_of_kind_key_with_ways_out() {
    let error = Keyring::default().require_seal().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(error.hints().iter().any(|hint| hint.contains("--sse")), "{error:?}");
    assert_eq!(Keyring::default().require_open().unwrap_err().kind(), ErrorKind::Key);
}

#[test]
fn a_typo_is_found_and_named_by_its_line_only() {
    let good = new(KeyKind::Kek);
    for position in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[position] = if bytes[position] == b'5' { b'6' } else { b'5' };
        let typo = String::from_utf8(bytes).unwrap();
        let error = Keyring::parse(&format!("# comment\n\n{typo}\n"), "keys.txt").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key);
        let shown = format!("{error:?} {:?}", error.hints());
        assert!(shown.contains("line 3 of keys.txt"), "{shown}");
        assert!(!shown.contains(&good[20..40]), "{shown}");
    }
}

#[test]
fn comments_blank_lines_and_white_space_are_ignored() {
    let key = new(KeyKind::Kek);
    let ring = Keyring::parse(&format!("# a\r\n\r\n  {key}  # the first\r\n{key}\n"), "keys").unwrap();
    assert_eq!(ring.keys().len(), 1);
    assert_eq!(
        Keyring::parse("# nothing\n\n", "keys").unwrap_err().kind(),
        ErrorKind::Key
    );
}

#[test]
fn weak_keys_are_refused() {
    let up: [u8; 32] = std::array::from_fn(|i| 250u8.wrapping_add(i as u8));
    let documented: Vec<_> = weak::DOCUMENTED
        .iter()
        .map(|digits| hex::decode(digits).unwrap())
        .collect();
    for bytes in [[0; 32], [0xff; 32], [7; 32], up].into_iter().chain(documented) {
        for kind in KeyKind::ALL {
            let error = Keyring::parse(&line_of(kind.as_str(), bytes), "keys").unwrap_err();
            assert!(error.to_string().contains("too weak"), "{error}");
            assert!(!error.chain().contains(&hex::encode(&bytes)));
        }
    }
}

#[test]
fn recovery_keys_that_everyone_can_open_are_refused() {
    let mut order_four = [0; 32];
    order_four[0] = 1;
    let error = Keyring::parse(&line_of("recovery", order_four), "keys").unwrap_err();
    assert!(error.to_string().contains("nothing can be sealed"), "{error}");
}

#[test]
fn secrets_are_refused_where_everyone_can_read_them() {
    for kind in KeyKind::ALL {
        let answer = Keyring::default().add_public(&new(kind), "BACKUP_RECOVERY_KEY");
        assert_eq!(answer.is_err(), kind.is_secret(), "{kind}");
    }
}

#[test]
fn more_recovery_keys_than_slots_are_refused() {
    let lines: Vec<_> = (0..8).map(|_| new(KeyKind::Recovery)).collect();
    assert!(Keyring::parse(&lines[..MAX_RECOVERY_KEYS].join("\n"), "keys").is_ok());
    assert!(
        Keyring::parse(&lines.join("\n"), "keys")
            .unwrap_err()
            .to_string()
            .contains("line 8")
    );
}

#[test]
fn a_file_of_secrets_is_ours_alone_or_belongs_to_root_and_a_group_that_reads() {
    let (root, us, other) = (0, 12_345, 12_346);
    for good in [0o600, 0o400, 0o100_600, 0o700] {
        for (owner, reader) in [(root, us), (us, us), (root, root), (other, root)] {
            assert!(secret_mode_ok(good, owner, reader), "{good:o} {owner} {reader}");
        }
        assert!(!secret_mode_ok(good, other, us), "{good:o}");
    }
    for of_root in [0o440, 0o640] {
        assert!(secret_mode_ok(of_root, root, us) && secret_mode_ok(of_root, root, root));
        assert!(!secret_mode_ok(of_root, us, us) && !secret_mode_ok(of_root, other, root));
    }
    for bad in [0o644, 0o604, 0o660, 0o601, 0o650, 0o620, 0o777] {
        for (owner, reader) in [(root, us), (us, us), (root, root), (other, root)] {
            assert!(!secret_mode_ok(bad, owner, reader), "{bad:o} {owner} {reader}");
        }
    }
}

#[test]
fn signatures_are_trusted_unknown_or_damaged() {
    let first = Keyring::parse(&new(KeyKind::Kek), "keys").unwrap();
    let stranger = Keyring::parse(&new(KeyKind::Sign), "keys").unwrap();
    let (id, mut signature) = first.sign("manifest", &[1; 32]).unwrap().unwrap();
    assert_eq!(
        first.verify("manifest", &[1; 32], id, &signature).unwrap(),
        Trust::Signed(id)
    );
    assert_eq!(
        stranger.verify("manifest", &[1; 32], id, &signature).unwrap(),
        Trust::UnknownSigner(id)
    );
    for (kind, digest) in [("evidence", [1; 32]), ("manifest", [2; 32])] {
        assert_eq!(
            first.verify(kind, &digest, id, &signature).unwrap_err().kind(),
            ErrorKind::Damaged
        );
    }
    signature[10] ^= 1;
    assert_eq!(
        first.verify("manifest", &[1; 32], id, &signature).unwrap_err().kind(),
        ErrorKind::Damaged
    );
    assert_eq!(Keyring::default().sign("manifest", &[1; 32]).unwrap(), None);
}

#[test]
fn after_a_rotation_the_first_key_signs_and_all_verify() {
    let (old, fresh, sign) = (new(KeyKind::Kek), new(KeyKind::Kek), new(KeyKind::Sign));
    let before = Keyring::parse(&old, "keys").unwrap();
    let rotated = Keyring::parse(&format!("{fresh}\n{old}\n"), "keys").unwrap();
    let with_signer = Keyring::parse(&format!("{fresh}\n{old}\n{sign}\n"), "keys").unwrap();
    let (id, signature) = before.sign("manifest", &[3; 32]).unwrap().unwrap();
    for ring in [&rotated, &with_signer] {
        assert_eq!(
            ring.verify("manifest", &[3; 32], id, &signature).unwrap(),
            Trust::Signed(id)
        );
    }
    let signers = [&before, &rotated, &with_signer].map(|ring| ring.sign("manifest", &[3; 32]).unwrap().unwrap().0);
    assert_eq!(HashSet::from(signers).len(), 3);
    assert_eq!(rotated.writing_kek().unwrap().id, rotated.keys()[0].id);
    assert!(rotated.keys()[0].active && !rotated.keys()[1].active);
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let lines: Vec<_> = KeyKind::ALL.into_iter().map(new).collect();
    let ring = Keyring::parse(&lines.join("\n"), "keys").unwrap();
    let fresh = fresh_key_file(&SystemEntropy, Timestamp::UNIX_EPOCH).unwrap();
    let shown = format!("{ring:?} {fresh:?} {:?}", ring.keys());
    for line in &lines {
        let digits = line.split(':').nth(2).unwrap();
        let bytes = format!("{:?}", hex::decode::<32>(digits).unwrap());
        let secret = line.contains("kek") || line.contains("sign") || line.contains("secret");
        assert!(
            !secret || !shown.contains(&digits[..16]) && !shown.contains(&bytes[1..20]),
            "{shown}"
        );
    }
}

#[derive(Debug)]
struct Stuck;

impl Entropy for Stuck {
    fn fill(&self, out: &mut [u8]) -> crate::Result<()> {
        out.fill(4);
        Ok(())
    }
}

#[test]
fn no_key_is_made_without_randomness() {
    for kind in KeyKind::ALL {
        assert_eq!(generate(kind, &Stuck).unwrap_err().kind(), ErrorKind::Internal);
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        if let Err(error) = Keyring::parse(&text, "keys") {
            prop_assert_eq!(error.kind(), ErrorKind::Key);
        }
    }
}
