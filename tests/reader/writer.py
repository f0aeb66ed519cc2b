"""A tiny writer for the tests, from docs/FORMAT.md. Everything is in memory and every secret is an argument; not for backups."""

import hashlib
import hmac
import json
import struct

import zstandard
from cryptography.hazmat.bindings._rust import openssl as rust_openssl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .keyfile import check_value, kek_id, recovery_id, verify_id

# The library keeps its HPKE with associated data for its own tests: good enough for ours, not for the reader.
library_hpke = rust_openssl.hpke
CHUNK = 16384
MAGIC = b"\x89PBE\r\n\x1a\x01"


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand-SHA-512 from HMAC, to hold the library's against."""
    out, block = b"", b""
    for count in range(1, 1 + -(-length // 64)):
        block = hmac.digest(prk, block + info + bytes([count]), hashlib.sha512)
        out += block
    return out[:length]


def seal_payload(key: bytes, salt: bytes, context: bytes, message: bytes) -> bytes:
    """salt ‖ commitment ‖ chunks, from AES-GCM alone."""
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
    derived = expand(key, label + salt + context, 76)
    aead, nonce, commitment = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big"), derived[44:]
    out = salt + commitment
    for index in range(len(message) // CHUNK + 1):
        part = message[index * CHUNK : (index + 1) * CHUNK]
        out += aead.encrypt((nonce ^ index).to_bytes(12, "big"), part, b"")
    return out


def key_line(kind: str, key: bytes) -> str:
    return f"pbe1:{kind}:{key.hex()}:{check_value(kind, key).hex()}\n"


def record(tag: int, value: bytes) -> bytes:
    return struct.pack("<BH", tag, len(value)) + value


def fixed_records(repository: bytes, path: str, file_id: bytes, codec: int) -> list[bytes]:
    return [
        record(1, b"\1"), record(2, repository), record(3, b"postgres"), record(4, path.encode()), record(5, file_id),
        record(6, struct.pack("<Q", 1_776_877_200_000)), record(7, b"application/x-pg-dump"), record(8, bytes([codec])),
        record(9, b"writer 1"),
    ]


def slot(kind: int, key_id: bytes, blob: bytes) -> bytes:
    return struct.pack("<B8sH", kind, key_id, len(blob)) + blob


def kek_slot(kek: bytes, file_id: bytes, context: bytes, file_key: bytes) -> bytes:
    wrap = AESGCM(expand(kek, b"pbe1/slot/kek" + file_id, 32))
    return slot(1, kek_id(kek), wrap.encrypt(bytes(12), file_key, context))


def hpke_slot(public: bytes, context: bytes, file_key: bytes) -> bytes:
    """By the library's own HPKE, which the reader does not use."""
    suite = library_hpke.Suite(
        library_hpke.KEM.X25519, library_hpke.KDF.HKDF_SHA256, library_hpke.AEAD.AES_256_GCM
    )
    recipient = X25519PublicKey.from_public_bytes(public)
    blob = library_hpke._encrypt_with_aad(suite, file_key, recipient, b"pbe1/slot/hpke", context)
    return slot(2, recovery_id(public), blob)


def seal(content: bytes, records: list[bytes], kek: bytes | None, recovery: bytes | None, **changes) -> bytes:
    """A sealed object. `records` stand as given, so that a test can write what a writer must not; `changes` likewise."""
    file_key, salt = changes.get("file_key", bytes(range(50, 82))), bytes(range(100, 124))
    file_id = changes.get("file_id", bytes(range(7, 39)))
    fixed = b"".join(records)
    head = MAGIC + struct.pack("<I", len(fixed)) + fixed
    context = hashlib.sha256(b"pbe1/ctx" + head).digest()
    slots = list(changes.get("slots_before", []))
    slots += [kek_slot(kek, file_id, context, file_key)] if kek else []
    slots += [hpke_slot(recovery, context, file_key)] if recovery else []
    table = bytes([changes.get("count", len(slots))]) + b"".join(slots)
    table += bytes(-len(table) % 512)
    head += struct.pack("<I", len(table)) + table
    mac = hmac.digest(expand(file_key, b"pbe1/hdr" + file_id, 32), head, hashlib.sha256)
    return head + mac + seal_payload(expand(file_key, b"pbe1/payload" + file_id, 32), salt, context, content)


def seek_table(entries: list[tuple[int, int]]) -> bytes:
    table = b"".join(struct.pack("<II", *entry) for entry in entries) + struct.pack("<IBI", len(entries), 0, 0x8F92EAB1)
    return struct.pack("<II", 0x184D2A5E, len(table)) + table


def raw_frame(content: bytes) -> bytes:
    """A frame of raw blocks: single segment, 8 bytes of content size, no checksum."""
    out = struct.pack("<IBQ", 0xFD2FB528, 0xE0, len(content))
    blocks = [content[at : at + (1 << 17)] for at in range(0, len(content), 1 << 17)] or [b""]
    for index, block in enumerate(blocks):
        out += (len(block) << 3 | (index == len(blocks) - 1)).to_bytes(3, "little") + block
    return out


def compress(content: bytes, frame_bytes: int = 4 << 20, checksum: bool = True) -> bytes:
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=checksum, write_content_size=True)
    parts = [content[at : at + frame_bytes] for at in range(0, len(content), frame_bytes)]
    packed = [compressor.compress(part) for part in parts]
    return b"".join(packed) + seek_table([(len(a), len(b)) for a, b in zip(packed, parts)])


def sign(body: dict | bytes, kind: str, key: Ed25519PrivateKey | None) -> bytes:
    line = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    digest = hashlib.sha256(line).digest()
    signature = b"pbe1-" + kind.encode() + b" sha256=" + digest.hex().encode()
    if key:
        signer = verify_id(key.public_key().public_bytes_raw()).hex()
        signed = key.sign(b"pbe1/" + kind.encode() + b"\0" + digest).hex()
        signature += f" ed25519={signer}:{signed}".encode()
    return line + b"\n" + signature + b"\n"
