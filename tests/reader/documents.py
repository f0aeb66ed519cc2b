"""Signed documents and what stands in them (docs/FORMAT.md, sections 1 to 3)."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from .errors import Damaged
from .keyfile import Keys

LIMITS = {"manifest": 64 << 20, "evidence": 64 << 10, "started": 4 << 20, "repository": 64 << 10}
SIGNATURE = re.compile(rb"pbe1-([a-z]+) sha256=([0-9a-f]{64})(?: ed25519=([0-9a-f]{16}):([0-9a-f]{128}))?")
SIGNED, UNSIGNED, UNKNOWN_SIGNER = "signed", "unsigned", "unknown signer"
SEALED = "sealed"

ID = re.compile(r"[0-9]{8}_[0-9]{6}")
TARGET = re.compile(r"[a-z0-9.-]+")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
HEX32 = re.compile(r"[0-9a-f]{32}")
HEX64 = re.compile(r"[0-9a-f]{64}")
# A key never leaves its repository: no empty, "." or ".." segment, no control character, at most 1024 bytes (checked as characters).
KEY = re.compile(r"(?!.*(^|/)\.{0,2}(/|$))[^\0-\x1f\x7f\ud800-\udfff]{1,1024}", re.DOTALL)


def one_of(*values: str) -> re.Pattern:
    return re.compile("|".join(map(re.escape, values)))


@dataclass
class Optional:
    """null or missing, or the shape."""

    shape: Any


OBJECT = {
    "key": KEY, "logical_path": str, "file_id": Optional(HEX64), "etag": Optional(str), "version": Optional(str),
    "length": int, "payload_offset": int, "sha256": HEX64, "owned": bool,
}
ARTIFACT = {"name": str, "content_type": str, "plain_length": int, "objects": [OBJECT], "details": dict}
SHAPES = {
    "repository": {"id": HEX32, "created": TIME},
    "started": {
        "id": ID, "target": TARGET, "nonce": HEX32, "state": one_of("started", "condemned"), "host": str, "pid": int,
        "started": TIME, "keys": [KEY],
    },
    "manifest": {
        "id": ID, "repository": HEX32, "target": TARGET, "nonce": HEX32, "mode": one_of(SEALED, "sse-kms", "sse-s3"),
        "lineage": str, "started": TIME, "finished": TIME, "tool": str, "complete": bool, "parents": [ID],
        "artifacts": [ARTIFACT], "failures": [{"name": str, "error": str}], "findings": list, "details": dict,
    },
    "evidence": {
        "id": ID, "repository": HEX32, "manifest": HEX64, "target": TARGET, "at": TIME,
        "depth": one_of("objects", "content", "restore"), "ok": bool, "damaged": [KEY], "tool": str,
    },
}


# What a document may leave out, and what that means.
LEFT_OUT = {"parents": list, "failures": list, "findings": list, "details": dict}


@dataclass
class Document:
    kind: str
    body: dict
    trust: str
    signer: str | None


def check_shape(value: Any, shape: Any, where: str) -> None:
    """Unknown fields are ignored, all known ones are demanded."""
    if isinstance(shape, Optional):
        return None if value is None else check_shape(value, shape.shape, where)
    if isinstance(shape, dict) and isinstance(value, dict):
        for name, inner in shape.items():
            if name in LEFT_OUT:
                value.setdefault(name, LEFT_OUT[name]())
            if name not in value and not isinstance(inner, Optional):
                raise Damaged(f"{where}: no field {name}")
            check_shape(value.get(name), inner, f"{where}.{name}")
    elif isinstance(shape, list) and isinstance(value, list):
        for index, item in enumerate(value):
            check_shape(item, shape[0], f"{where}[{index}]")
    elif not _is_plain(value, shape):
        raise Damaged(f"{where}: not what the format says")


def _is_plain(value: Any, shape: Any) -> bool:
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if shape is int:
        return type(value) is int and 0 <= value < 1 << 64
    return isinstance(shape, type) and isinstance(value, shape)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a field stands twice")
    return dict(pairs)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _parse_json(line: bytes) -> dict:
    try:
        body = json.loads(line.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Damaged("not a JSON object") from error
    if not isinstance(body, dict):
        raise Damaged("not a JSON object")
    return body


def _trust(kind: str, digest: bytes, match: re.Match, keys: Keys | None) -> str:
    if match[3] is None:
        return UNSIGNED
    key = keys.verifiers.get(bytes.fromhex(match[3].decode())) if keys else None
    if key is None:
        return UNKNOWN_SIGNER
    try:
        key.verify(bytes.fromhex(match[4].decode()), b"pbe1/" + kind.encode() + b"\0" + digest)
    except InvalidSignature as error:
        raise Damaged("the signature is not of this document") from error
    return SIGNED


def parse(data: bytes, kind: str, keys: Keys | None = None) -> Document:
    """Reads a document of this kind. The digest and the signature are checked before the JSON is looked at."""
    if len(data) > LIMITS[kind]:
        raise Damaged(f"longer than {LIMITS[kind]} bytes")
    lines = data.split(b"\n")
    if len(lines) != 3 or lines[2] or b"\r" in data:
        raise Damaged("not exactly two lines")
    match = SIGNATURE.fullmatch(lines[1])
    if not match or match[1] != kind.encode():
        raise Damaged(f"no signature line of a {kind}")
    digest = hashlib.sha256(lines[0]).digest()
    if digest.hex().encode() != match[2]:
        raise Damaged("the JSON was changed: wrong digest")
    trust = _trust(kind, digest, match, keys)
    body = _parse_json(lines[0])
    if type(body.get("format")) is not int or body["format"] != 1:
        raise Damaged("a format that this reader does not know")
    check_shape(body, SHAPES[kind], kind)
    return Document(kind, body, trust, match[3].decode() if match[3] else None)


def read(path: str, kind: str, keys: Keys | None = None) -> Document:
    with open(path, "rb") as file:
        return parse(file.read(LIMITS[kind] + 1), kind, keys)


def check_belongs(document: Document, backup_id: str, repository: str | None) -> None:
    """A document that was copied to another key, or from another repository, does not count."""
    if document.body["id"] != backup_id:
        raise Damaged(f"is the {document.kind} of {document.body['id']}")
    if repository is not None and document.body["repository"] != repository:
        raise Damaged(f"belongs to repository {document.body['repository']}")
