"""Key files (docs/FORMAT.md, section 7) and the derivation X that every section uses."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .errors import KeyMissing

SECRET = {"kek", "sign", "recovery-secret"}
KINDS = SECRET | {"verify", "recovery"}
LINE = re.compile(r"pbe1:([a-z-]+):([0-9a-f]{64}):([0-9a-f]{8})")
MAX_BYTES = 64 << 10


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """X(prk, info, n) = HKDF-Expand-SHA-512."""
    return HKDFExpand(SHA512(), length, info).derive(prk)


def kek_id(kek: bytes) -> bytes:
    return expand(kek, b"pbe1/kek-id", 8)


def recovery_id(public: bytes) -> bytes:
    return hashlib.sha256(b"pbe1/recovery-id" + public).digest()[:8]


def verify_id(public: bytes) -> bytes:
    return hashlib.sha256(b"pbe1/verify-id" + public).digest()[:8]


def signing_key_of(kek: bytes) -> Ed25519PrivateKey:
    """The key that signs for a KEK when the key file has no `sign` line."""
    return Ed25519PrivateKey.from_private_bytes(expand(kek, b"pbe1/sign", 32))


@dataclass
class Keys:
    """What opens (`keks`, `recovery`) and what verifies (`verifiers`), each found by its 8-byte key id."""

    keks: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    recovery: dict[bytes, X25519PrivateKey] = field(default_factory=dict, repr=False)
    verifiers: dict[bytes, Ed25519PublicKey] = field(default_factory=dict, repr=False)

    def add(self, kind: str, key: bytes) -> None:
        if kind == "kek":
            self.keks[kek_id(key)] = key
            # Also beside a `sign` line: manifests from before that line was added stay verifiable.
            self._trust(signing_key_of(key).public_key())
        elif kind == "sign":
            self._trust(Ed25519PrivateKey.from_private_bytes(key).public_key())
        elif kind == "verify":
            self._trust(Ed25519PublicKey.from_public_bytes(key))
        elif kind == "recovery-secret":
            private = X25519PrivateKey.from_private_bytes(key)
            self.recovery[recovery_id(private.public_key().public_bytes_raw())] = private

    def _trust(self, public: Ed25519PublicKey) -> None:
        self.verifiers[verify_id(public.public_bytes_raw())] = public


def check_value(kind: str, key: bytes) -> bytes:
    """The last field of a line: it catches a mistyped key."""
    return hashlib.sha256(b"pbe1/" + kind.encode() + b":" + key).digest()[:4]


# Section 8: everybody knows them.
DOCUMENTED = {
    "cd095dbb670972bfc7486d435f9f43eba57043a1f5d3f3147537421dba385a35",
    "efcdc5e25583ea3bcb697c5a96abf93726c9def8dd2b15eedfd4db70251c49c9",
    "bedd9d5cf1e264170a7e435bc931406daab7d3abca08eca95eaae41653a74dbd",
    "9ec34d581009925156c0bbb6fbde43e4e2ff8b68d533d93c80c7fa3ff64ce718",
    "8f63d2b17eb18157a69ca2e60053e26c8806070f662e2701645fdf184fee5b70",
}


def is_weak(key: bytes) -> bool:
    if key.hex() in DOCUMENTED:
        return True
    steps = {(after - before) % 256 for before, after in zip(key, key[1:])}
    return steps in ({0}, {1})


def parse_line(line: str, number: int) -> tuple[str, bytes]:
    match = LINE.fullmatch(line)
    if not match or match[1] not in KINDS:
        raise KeyMissing(f"key file, line {number}: not a key")
    kind, key = match[1], bytes.fromhex(match[2])
    if check_value(kind, key).hex() != match[3]:
        raise KeyMissing(f"key file, line {number}: mistyped, the check value does not fit")
    if is_weak(key):
        raise KeyMissing(f"key file, line {number}: not a random key")
    return kind, key


def parse(text: str) -> list[tuple[str, bytes]]:
    lines = ((number, line.split("#", 1)[0].strip()) for number, line in enumerate(text.split("\n"), 1))
    return [parse_line(line, number) for number, line in lines if line]


def private(status: os.stat_result) -> bool:
    """The rule of section 7: root's and readable by a group, or ours alone."""
    if status.st_uid == 0:
        return status.st_mode & 0o037 == 0
    return os.geteuid() in (0, status.st_uid) and status.st_mode & 0o077 == 0


def load(path: str) -> Keys:
    """Reads a key file. Raises KeyMissing if it cannot be used as it stands."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise KeyMissing(f"key file {path}: too long")
        found = parse(raw.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(f"key file {path}: {error.__class__.__name__}") from error
    if not private(status) and any(kind in SECRET for kind, _ in found):
        raise KeyMissing(f"key file {path}: others may read it, mode {stat.S_IMODE(status.st_mode):04o}; chmod 0600")
    if not found:
        raise KeyMissing(f"key file {path}: holds no key")
    keys = Keys()
    for kind, key in found:
        keys.add(kind, key)
    return keys
