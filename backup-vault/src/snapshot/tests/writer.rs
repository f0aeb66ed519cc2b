//! Snapshots made by hand, after `hashicorp/raft-snapshot` and Go's `archive/tar` and `compress/gzip`, not with the code under test.

use backup_core::hex;
use sha2::{Digest, Sha256};
use std::io::Write;

/// How the archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    /// As Vault does.
    Deflated,
    /// As OpenBao does since 2.6.
    Stored,
}

/// One file of an archive.
pub(crate) type File = (&'static str, Vec<u8>);

/// A snapshot to be written.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) packed: Packed,
    pub(crate) state_first: bool,
    pub(crate) pax: bool,
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) sealed: Vec<u8>,
}

impl Snapshot {
    /// A small one.
    pub(crate) fn small(packed: Packed) -> Self {
        let entry = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        Self {
            packed,
            state_first: false,
            pax: false,
            entries: vec![
                entry("core/keyring", "ciphertext"),
                entry(
                    "core/recovery-config",
                    r#"{"type":"shamir","secret_shares":7,"secret_threshold":4}"#,
                ),
                entry(
                    "core/seal-config",
                    r#"{"type":"awskms","secret_shares":5,"secret_threshold":3,"nonce":""}"#,
                ),
                entry("logical/1/a", ""),
                entry("logical/1/b", "\0\u{1}\u{2}"),
                entry("logical/2/c/d", "x"),
                entry("sys/policy/root", "y"),
            ],
            sealed: b"sealed sums".to_vec(),
        }
    }

    /// The records of `state.bin`.
    pub(crate) fn state(&self) -> Vec<u8> {
        self.entries
            .iter()
            .flat_map(|(key, value)| record(&entry(key, value, false)))
            .collect()
    }

    /// Its files, with right sums.
    pub(crate) fn files(&self) -> Vec<File> {
        self.files_around(self.state())
    }

    /// Its files with another `state.bin`.
    pub(crate) fn files_around(&self, state: Vec<u8>) -> Vec<File> {
        let meta = meta(state.len());
        let sums = sums(&meta, &state, self.state_first);
        vec![
            ("meta.json", meta),
            ("state.bin", state),
            ("SHA256SUMS", sums),
            ("SHA256SUMS.sealed", self.sealed.clone()),
        ]
    }

    pub(crate) fn archive(&self) -> Vec<u8> {
        archive(&self.files(), self.pax)
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        gzip(&self.archive(), self.packed)
    }
}

pub(crate) fn meta(size: usize) -> Vec<u8> {
    format!(
        concat!(
            r#"{{"Version":1,"ID":"bolt-snapshot","Index":4711,"Term":3,"Peers":"k65ub2RlMQ==","#,
            r#""Configuration":{{"Servers":[{{"Suffrage":0,"ID":"node1","Address":"127.0.0.1:8201"}},"#,
            r#"{{"Suffrage":1,"ID":"node2","Address":"127.0.0.2:8201"}}]}},"ConfigurationIndex":1,"Size":{}}}"#,
            "\n"
        ),
        size
    )
    .into_bytes()
}

pub(crate) fn sums(meta: &[u8], state: &[u8], state_first: bool) -> Vec<u8> {
    let line = |name: &str, bytes: &[u8]| format!("{}  {name}\n", hex::encode(&Sha256::digest(bytes)));
    let (meta, state) = (line("meta.json", meta), line("state.bin", state));
    if state_first { state + &meta } else { meta + &state }.into_bytes()
}

pub(crate) fn uvarint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A protobuf field with a length.
pub(crate) fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [uvarint(number << 3 | 2), uvarint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A `StorageEntry`; protobuf leaves out what is empty.
pub(crate) fn entry(key: &[u8], value: &[u8], seal_wrap: bool) -> Vec<u8> {
    let mut bytes = field(1, key);
    if !value.is_empty() {
        bytes.extend(field(2, value));
    }
    if seal_wrap {
        bytes.extend([3 << 3, 1]);
    }
    bytes
}

pub(crate) fn record(entry: &[u8]) -> Vec<u8> {
    [uvarint(entry.len() as u64), entry.to_vec()].concat()
}

/// A tar header as Go writes it: mode 0600, owner 0, a time in whole seconds.
pub(crate) fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"15203040506\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    seal_header(&mut block);
    block
}

/// Gives a header its checksum.
pub(crate) fn seal_header(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(512), 0);
    padded
}

/// With `pax`, as for a `state.bin` beyond 8 GiB: its size stands in an extended header.
pub(crate) fn archive(files: &[File], pax: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let extended = pax && *name == "state.bin";
        if extended {
            let records = pax_record(&format!("size={}", content.len()));
            bytes.extend(header("PaxHeaders.0/state.bin", b'x', records.len()));
            bytes.extend(padded(&records));
        }
        bytes.extend(header(name, b'0', if extended { 0 } else { content.len() }));
        bytes.extend(padded(content));
    }
    bytes.extend([0; 1024]);
    bytes
}

/// `length key=value\n`, the length counting itself.
pub(crate) fn pax_record(text: &str) -> Vec<u8> {
    let rest = format!(" {text}\n");
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length);
    format!("{}{rest}", length.unwrap()).into_bytes()
}

pub(crate) fn gzip(archive: &[u8], packed: Packed) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    bytes.extend(match packed {
        Packed::Deflated => deflate(archive),
        Packed::Stored => stored(archive),
    });
    bytes.extend(crc32(archive).to_le_bytes());
    bytes.extend((archive.len() as u32).to_le_bytes());
    bytes
}

fn deflate(archive: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(archive).unwrap();
    encoder.finish().unwrap()
}

/// Blocks of up to 65,535 bytes, and an empty one at the end, as Go does.
pub(crate) fn stored(archive: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (last, block) in archive.chunks(65_535).map(|block| (0, block)).chain([(1, &[][..])]) {
        let length = block.len() as u16;
        bytes.push(last);
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
