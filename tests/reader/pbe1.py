"""PBE1, a sealed object (docs/FORMAT.md, section 4). Memory stays below a few hundred KiB whatever the object's length."""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import hpke
from .errors import Damaged, KeyMissing
from .keyfile import Keys, expand

MAGIC = bytes.fromhex("89 50 42 45 0d 0a 1a 01")
MAX_FIXED, MAX_SLOTS, MAX_BLOB = 4096, 16384, 1024
READ_BYTES = 1 << 16
# tag: (name, least, most bytes of the value)
RECORDS = {
    1: ("suite", 1, 1),
    2: ("repository", 16, 16),
    3: ("component", 1, 64),
    4: ("logical_path", 1, 1024),
    5: ("file_id", 32, 32),
    6: ("created", 8, 8),
    7: ("content_type", 1, 128),
    8: ("codec", 1, 1),
    9: ("tool", 1, 64),
}
TEXTS = ("component", "logical_path", "content_type", "tool")
KEK, HPKE_X25519 = 1, 2
BLOB_BYTES = {KEK: 48, HPKE_X25519: 80}
STORED, ZSTD_FRAMES = 0, 1


@dataclass
class Expected:
    """What the caller went to look for. Without a manifest there is no file id to expect."""

    repository: bytes
    logical_path: str
    file_id: bytes | None = None


@dataclass
class Slot:
    type: int
    key_id: bytes
    blob: bytes


@dataclass
class Header:
    repository: bytes
    component: str
    logical_path: str
    file_id: bytes
    created: int
    content_type: str
    codec: int
    tool: str
    slots: list[Slot]
    context: bytes
    payload_offset: int


def read_exactly(stream: BinaryIO, count: int, what: str) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise Damaged(f"cut off in {what}")
    return data


def _length(stream: BinaryIO, most: int, what: str) -> bytes:
    raw = read_exactly(stream, 4, what)
    if int.from_bytes(raw, "little") > most:
        raise Damaged(f"{what} is longer than {most} bytes")
    return raw


def parse_fixed(fixed: bytes) -> dict:
    values, at = {}, 0
    for expected_tag, (name, least, most) in RECORDS.items():
        if at + 3 > len(fixed):
            raise Damaged(f"record {name} is missing")
        tag, length = struct.unpack_from("<BH", fixed, at)
        value = fixed[at + 3 : at + 3 + length]
        if tag != expected_tag or len(value) != length or not least <= length <= most:
            raise Damaged(f"record {name}: found tag {tag} with {length} bytes")
        values[name] = value
        at += 3 + length
    if at != len(fixed):
        raise Damaged("a further record follows the known ones")
    return _decode(values)


def _decode(values: dict) -> dict:
    for name in ("suite", "codec", "created"):
        values[name] = int.from_bytes(values[name], "little")
    try:
        for name in TEXTS:
            values[name] = values[name].decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged("a text record is not UTF-8") from error
    if values.pop("suite") != 1:
        raise Damaged("unknown suite")
    if values["codec"] not in (STORED, ZSTD_FRAMES):
        raise Damaged("unknown codec")
    return values


def parse_slots(slots: bytes) -> list[Slot]:
    """Slots of a type that is not on the page are kept: they open nothing here, and the MAC covers them."""
    found, at = [], 1
    if not 1 <= slots[0] <= 8:
        raise Damaged(f"{slots[0]} slots")
    for _ in range(slots[0]):
        if at + 11 > len(slots):
            raise Damaged("slots are cut off")
        kind, key_id, length = struct.unpack_from("<B8sH", slots, at)
        blob = slots[at + 11 : at + 11 + length]
        if length > MAX_BLOB or len(blob) != length or length != BLOB_BYTES.get(kind, length):
            raise Damaged(f"slot of type {kind} with {length} bytes")
        found.append(Slot(kind, key_id, blob))
        at += 11 + length
    if any(slots[at:]):
        raise Damaged("bytes other than zero after the slots")
    return found


def read_header(stream: BinaryIO) -> tuple[Header, bytes, bytes]:
    """Magic, lengths and records: the header, its bytes under the MAC, and the MAC. Nothing is proven yet."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise Damaged("not a sealed object: wrong magic")
    fixed_length = _length(stream, MAX_FIXED, "fixed")
    fixed = read_exactly(stream, int.from_bytes(fixed_length, "little"), "fixed")
    slots_length = _length(stream, MAX_SLOTS, "slots")
    slots_bytes = int.from_bytes(slots_length, "little")
    if slots_bytes == 0 or slots_bytes % 512:
        raise Damaged("length of slots is not a multiple of 512")
    slots = read_exactly(stream, slots_bytes, "slots")
    signed = MAGIC + fixed_length + fixed + slots_length + slots
    mac = read_exactly(stream, 32, "mac")
    header = Header(
        **parse_fixed(fixed),
        slots=parse_slots(slots),
        context=hashlib.sha256(b"pbe1/ctx" + MAGIC + fixed_length + fixed).digest(),
        payload_offset=len(signed) + len(mac),
    )
    return header, signed, mac


def check_expected(header: Header, expected: Expected) -> None:
    if header.repository != expected.repository:
        raise Damaged(f"belongs to repository {header.repository.hex()}, not {expected.repository.hex()}")
    if header.logical_path != expected.logical_path:
        raise Damaged(f"claims to be {header.logical_path!r}, not {expected.logical_path!r}")
    if expected.file_id is not None and header.file_id != expected.file_id:
        raise Damaged("not the object that the manifest names: another file id")


def _unwrap(slot: Slot, header: Header, keys: Keys) -> bytes | None:
    """The file key, or None if the key file has no key for this slot."""
    if slot.type == KEK and (kek := keys.keks.get(slot.key_id)):
        wrap = expand(kek, b"pbe1/slot/kek" + header.file_id, 32)
        return AESGCM(wrap).decrypt(bytes(12), slot.blob, header.context)
    if slot.type == HPKE_X25519 and (private := keys.recovery.get(slot.key_id)):
        return hpke.open_base(slot.blob, private, b"pbe1/slot/hpke", header.context)
    return None


def open_slot(header: Header, keys: Keys) -> bytes:
    failed = None
    for slot in header.slots:
        try:
            if file_key := _unwrap(slot, header, keys):
                return file_key
        except (InvalidTag, ValueError) as error:
            failed = error
    if failed:
        raise Damaged("no slot opens, although the key file has its key") from failed
    raise KeyMissing("no key of the key file opens this object")


def open_header(stream: BinaryIO, keys: Keys, expected: Expected) -> tuple[Header, Cobblestone256Decryptor]:
    """Everything that is checked before a byte of the payload is used, in the order of the page."""
    header, signed, mac = read_header(stream)
    check_expected(header, expected)
    file_key = open_slot(header, keys)
    mac_key = expand(file_key, b"pbe1/hdr" + header.file_id, 32)
    if not hmac.compare_digest(hmac.digest(mac_key, signed, hashlib.sha256), mac):
        raise Damaged("the header was changed: wrong MAC")
    payload_key = expand(file_key, b"pbe1/payload" + header.file_id, 32)
    return header, Cobblestone256Decryptor(payload_key, header.context)


def payload(stream: BinaryIO, decryptor: Cobblestone256Decryptor) -> Iterator[bytes]:
    """The payload in order; each piece is authentic. It is complete only if the iterator ends without Damaged."""
    try:
        while sealed := stream.read(READ_BYTES):
            if opened := decryptor.update(sealed):
                yield opened
        if opened := decryptor.finalize():
            yield opened
    except InvalidTag as error:
        raise Damaged("the payload is changed, cut off, or followed by something") from error
