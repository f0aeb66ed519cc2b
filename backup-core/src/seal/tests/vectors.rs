use super::*;
use crate::{
    frames::{Frame, SeekTable},
    hex,
    keys::{expand, sha256},
};

const PAGE: &str = include_str!("../../../../docs/FORMAT.md");
/// A manifest that a run wrote (`catalog::tests::golden`).
const MANIFEST: &str = include_str!("../../../../tests/golden/1/_pbe/manifests/20260422_170000.json");

/// Length of the content, and SHA-256 of the payload.
const PAYLOADS: [(usize, &str); 6] = [
    (0, "2f3f02b111f9d59ab74629b12783e18c3dcd0ee9b2f42b67421be49294e29165"),
    (1, "907ef6a4e83e3c189f78a46296f63da63dcc1e1988ef2082584e2fe82fe8c717"),
    (
        16383,
        "a8ea81526880a8d1ce5d484e5bf778af06620e4edc9040535081895291fba1e4",
    ),
    (
        16384,
        "7b2970fc095f1766ee85734efd641ec179b7f668ec0983cb62274c6ffefb6aab",
    ),
    (
        16385,
        "14ab25c7d4d8997f083cc84f950dfdeaa3c8fb348c52763a9e36990ae0422794",
    ),
    (
        40000,
        "565677fd8cfb1a5c618b020ee96b67fe651d309c6dd200ddc8752d012d610b70",
    ),
];

#[test]
fn the_payload_vectors_hold() {
    let input: [u8; 32] = std::array::from_fn(|i| i as u8);
    let salt: [u8; 24] = std::array::from_fn(|i| 100 + i as u8);
    for (length, digest) in PAYLOADS {
        let keys = schedule::PayloadKeys::derive(&input, &salt, b"vault/raft/20260101T000000Z.snap").unwrap();
        assert_eq!(
            hex::encode(&keys.commitment),
            "cac620e32b6c2b89b6b2f4b2e1945e3b521cbdb8a860452e6152f5d9ffc272b5"
        );
        let mut payload = [&salt[..], &keys.commitment].concat();
        let mut sealer = Sealer::of(keys);
        sealer.update(&content(length), &mut payload).unwrap();
        sealer.finish(&mut payload).unwrap();
        assert_eq!(hex::encode(&sha256(&[&payload])), digest, "{length}");
        let row = format!("| {length} | {} | `{digest}` |", payload.len());
        assert!(PAGE.contains(&row), "the page should hold {row}");
    }
}

/// `name = hex`, in lines of at most 64 bytes.
fn entry(name: &str, bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.chunks(64).map(hex::encode).collect();
    format!("{name} = {}\n", digits.join("\n    "))
}

/// `name = text`, in lines of at most 160 bytes.
fn text_entry(name: &str, text: &str) -> String {
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(160)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    assert!(
        lines.iter().all(|line| !line.starts_with(' ')),
        "a reader drops the indentation"
    );
    format!("{name} = {}\n", lines.join("\n    "))
}

fn key_line(kind: &str, bytes: &[u8; 32]) -> String {
    let check = sha256(&[b"pbe1/", kind.as_bytes(), b":", bytes]);
    format!("pbe1:{kind}:{}:{}", hex::encode(bytes), hex::encode(&check[..4]))
}

struct Keys {
    kek: String,
    sign: String,
    verify: String,
    recovery: String,
    recovery_secret: String,
}

fn documented_keys() -> Keys {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use hpke::{Deserializable, Kem, Serializable, kem::X25519HkdfSha256};
    let [kek, sign, secret] =
        ["kek", "sign", "recovery-secret"].map(|kind| sha256(&[b"pbe1 vector: ", kind.as_bytes()]));
    let pair = Ed25519KeyPair::from_seed_unchecked(&sign).unwrap();
    let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&secret).unwrap();
    Keys {
        kek: key_line("kek", &kek),
        sign: key_line("sign", &sign),
        verify: key_line("verify", pair.public_key().as_ref().try_into().unwrap()),
        recovery: key_line("recovery", &X25519HkdfSha256::sk_to_pk(&private).to_bytes().into()),
        recovery_secret: key_line("recovery-secret", &secret),
    }
}

fn ring_of(lines: &[&str]) -> Arc<Keyring> {
    Arc::new(Keyring::documented(&lines.join("\n")).unwrap())
}

const PLAIN: &[u8] = b"The quick brown fox jumps over the lazy dog.\n";

/// The object of the page: sealed for the `kek` and the `recovery` key with the entropy of `Counting`.
fn object(keys: &Keys) -> Vec<u8> {
    let ring = ring_of(&[&keys.kek, &keys.recovery]);
    let (mut sealer, begin) = Sealer::begin(spec(), &ring, &Counting::default()).unwrap();
    let mut out = begin.to_vec();
    sealer.update(PLAIN, &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    out
}

fn object_entries(stored: &[u8]) -> String {
    let header = header_of(stored);
    let (file_id, context) = (header.file_id(), *header.context());
    let draw = |n: u8, length: u8| {
        (0..length)
            .map(|i| n.wrapping_mul(37).wrapping_add(i))
            .collect::<Vec<_>>()
    };
    let file_key: [u8; 32] = draw(1, 32).try_into().unwrap();
    assert_eq!(file_id[..], draw(0, 32));
    let payload_key = expand::<32>(&file_key, &[b"pbe1/payload", &file_id]).unwrap();
    let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
    let all = expand::<76>(&payload_key, &[label, &draw(2, 24), &context]).unwrap();
    [
        entry("object", stored),
        entry("object.content", PLAIN),
        entry("object.context", &context),
        entry("object.file_key", &file_key),
        entry(
            "object.header_key",
            &*expand::<32>(&file_key, &[b"pbe1/hdr", &file_id]).unwrap(),
        ),
        entry("object.payload_key", &*payload_key),
        entry("object.chunk_key", &all[..32]),
        entry("object.nonce", &all[32..44]),
        entry("object.sha256", &sha256(&[&stored[header.payload_offset() as usize..]])),
    ]
    .concat()
}

fn signature_line(ring: &Keyring, document: &str) -> String {
    let digest = sha256(&[document.as_bytes()]);
    let (id, signature) = ring.sign("manifest", &digest).unwrap().unwrap();
    format!(
        "pbe1-manifest sha256={} ed25519={id}:{}",
        hex::encode(&digest),
        hex::encode(&signature)
    )
}

fn frames_entry() -> String {
    let mut table = SeekTable::default();
    let empty = table.encode();
    let mut content = Vec::new();
    crate::frames::stored_frame_for_vector(b"abc", &mut content);
    table
        .push(Frame {
            compressed: content.len() as u32,
            content: 3,
        })
        .unwrap();
    content.extend(table.encode());
    entry("frames.empty", &empty) + &entry("frames.abc", &content)
}

#[test]
fn the_vectors_of_the_format_page_hold() {
    let keys = documented_keys();
    let mut text = String::new();
    for (name, line) in [
        ("kek", &keys.kek),
        ("sign", &keys.sign),
        ("verify", &keys.verify),
        ("recovery", &keys.recovery),
        ("recovery-secret", &keys.recovery_secret),
    ] {
        text += &format!("key.{name} = {line}\n");
    }
    for info in ring_of(&[&keys.kek, &keys.sign, &keys.recovery]).keys() {
        text += &format!("id.{} = {}\n", info.kind, info.id);
    }
    let kek = ring_of(&[&keys.kek]);
    text += &format!("id.kek.signs_as = {}\n", kek.keys()[0].signs_as.unwrap());
    text += &object_entries(&object(&keys));
    let (document, by_sign) = MANIFEST.trim_end().split_once('\n').unwrap();
    assert_eq!(signature_line(&ring_of(&[&keys.sign]), document), by_sign);
    text += &text_entry("document", document);
    text += &text_entry("document.by_sign", by_sign);
    text += &text_entry("document.by_kek", &signature_line(&kek, document));
    text += &frames_entry();
    assert!(PAGE.contains(&text), "section 8 of docs/FORMAT.md should hold:\n{text}");
}

#[test]
fn the_object_of_the_format_page_opens_with_either_key() {
    let keys = documented_keys();
    let stored = object(&keys);
    for ring in [ring_of(&[&keys.kek]), ring_of(&[&keys.recovery_secret])] {
        assert_eq!(open(&stored, &ring).unwrap(), PLAIN);
    }
}
