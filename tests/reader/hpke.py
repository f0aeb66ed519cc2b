"""HPKE (RFC 9180), base mode, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.

Spelled out because the public HPKE interface of `cryptography` takes no associated data; the tests hold it against that library.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEM_ID = b"KEM\x00\x20"
SUITE_ID = b"HPKE\x00\x20\x00\x01\x00\x02"
BASE_MODE = b"\x00"


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labeled).derive(prk)


def _decapsulate(enc: bytes, private: X25519PrivateKey) -> bytes:
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    kem_context = enc + private.public_key().public_bytes_raw()
    return _expand(KEM_ID, _extract(KEM_ID, b"", b"eae_prk", shared), b"shared_secret", kem_context, 32)


def open_base(blob: bytes, private: X25519PrivateKey, info: bytes, aad: bytes) -> bytes:
    """Opens enc ‖ ciphertext. Raises InvalidTag, or ValueError for an enc that is no usable point."""
    enc, ciphertext = blob[:32], blob[32:]
    psk_id_hash = _extract(SUITE_ID, b"", b"psk_id_hash", b"")
    info_hash = _extract(SUITE_ID, b"", b"info_hash", info)
    schedule = BASE_MODE + psk_id_hash + info_hash
    secret = _extract(SUITE_ID, _decapsulate(enc, private), b"secret", b"")
    key = _expand(SUITE_ID, secret, b"key", schedule, 32)
    nonce = _expand(SUITE_ID, secret, b"base_nonce", schedule, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)
