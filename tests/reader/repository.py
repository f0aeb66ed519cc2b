"""A whole repository in a folder (docs/FORMAT.md, sections 1, 3 and 6): `key` is the path of a file below the folder."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import documents, frames, pbe1
from .documents import Document
from .errors import Damaged, KeyMissing
from .keyfile import Keys

READ_BYTES = 1 << 20
ROLL_OVER = re.compile(r"\.(?!000[01])[0-9]{4}$")
OK, DAMAGE, NO_KEY = 0, 10, 13


@dataclass
class Findings:
    """What a walk found. Damage outweighs a missing key in the exit code; notes do not change it."""

    say: Callable[[str], None]
    damaged: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)

    def attempt(self, what: str, step: Callable[[], object]) -> object:
        """Runs a step; its refusal is a finding about `what`."""
        try:
            return step()
        except Damaged as error:
            self.damaged.append(what)
            self.say(f"DAMAGED  {what!r}: {error}")
        except KeyMissing as error:
            self.unopened.append(what)
            self.say(f"NO KEY   {what!r}: {error}")
        return None

    def exit_code(self) -> int:
        return DAMAGE if self.damaged else NO_KEY if self.unopened else OK


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


class Repository:
    def __init__(self, root: str, keys: Keys, accept_unsigned: bool = False):
        self.root = Path(root)
        self.keys = keys
        self.accept_unsigned = accept_unsigned
        self.id = self.document("_pbe/repository.json", "repository").body["id"]

    def document(self, key: str, kind: str) -> Document:
        try:
            return documents.read(str(self.root / key), kind, self.keys)
        except OSError as error:
            raise Damaged(f"{key}: {error.strerror}") from error

    def below(self, prefix: str) -> list[str]:
        """All keys below a prefix that ends in `/`, sorted."""
        walked = os.walk(self.root / prefix, onerror=_unless_absent)
        paths = (Path(folder, name) for folder, _, names in walked for name in names)
        return sorted(path.relative_to(self.root).as_posix() for path in paths)

    def manifest(self, backup_id: str) -> Document:
        """A manifest that belongs here. In sealed mode it must be signed by a key of the key file."""
        document = self.document(f"_pbe/manifests/{backup_id}.json", "manifest")
        documents.check_belongs(document, backup_id, self.id)
        sealed = document.body["mode"] == documents.SEALED
        for artifact in document.body["artifacts"]:
            for entry in artifact["objects"]:
                if (entry["file_id"] is not None) != sealed or (entry["payload_offset"] > 0) != sealed:
                    raise Damaged(f"object {entry['key']!r} does not fit mode {document.body['mode']}")
        return document

    def demand_trust(self, manifest: Document) -> None:
        """Signed by a known key; without any key to check that with, unsigned backups that the store encrypts have to do."""
        if self.accept_unsigned:
            return
        checkable = manifest.body["mode"] == documents.SEALED or self.keys.verifiers
        if manifest.trust == documents.UNSIGNED and not checkable:
            return
        if manifest.trust == documents.UNKNOWN_SIGNER:
            raise KeyMissing(f"signed by {manifest.signer}, which the key file does not have")
        if manifest.trust == documents.UNSIGNED:
            raise Damaged("a manifest without signature")

    def check_stored(self, entry: dict) -> None:
        """Length and digest of a stored object; needs no key."""
        digest = hashlib.sha256()
        try:
            with open(self.root / entry["key"], "rb") as file:
                if os.fstat(file.fileno()).st_size != entry["length"]:
                    raise Damaged(f"is not {entry['length']} bytes long")
                file.seek(entry["payload_offset"])
                while data := file.read(READ_BYTES):
                    digest.update(data)
        except OSError as error:
            raise Damaged(error.strerror) from error
        if digest.hexdigest() != entry["sha256"]:
            raise Damaged("has another digest than its manifest says")

    def content_of(self, entry: dict, sealed: bool) -> Iterator[bytes]:
        with open(self.root / entry["key"], "rb") as file:
            if sealed:
                yield from self._open_sealed(file, entry)
            else:
                yield from iter(lambda: file.read(READ_BYTES), b"")

    def _open_sealed(self, file, entry: dict) -> Iterator[bytes]:
        expected = pbe1.Expected(bytes.fromhex(self.id), entry["logical_path"], bytes.fromhex(entry["file_id"]))
        header, decryptor = pbe1.open_header(file, self.keys, expected)
        if header.payload_offset != entry["payload_offset"]:
            raise Damaged("the payload does not begin where the manifest says")
        yield from open_content(file, header, decryptor)

    def artifact_content(self, manifest: Document, artifact: dict) -> Iterator[bytes]:
        """The content of an artifact, all objects in order. Complete only if the iterator ends without an error."""
        length = 0
        for entry in artifact["objects"]:
            self.check_stored(entry)
            for data in self.content_of(entry, manifest.body["mode"] == documents.SEALED):
                length += len(data)
                yield data
        if length != artifact["plain_length"]:
            raise Damaged(f"{length} bytes of content, the manifest says {artifact['plain_length']}")


def open_content(file, header: pbe1.Header, decryptor) -> Iterator[bytes]:
    opened = pbe1.payload(file, decryptor)
    return frames.content(opened) if header.codec == pbe1.ZSTD_FRAMES else opened


def drain(content: Iterator[bytes]) -> int:
    return sum(map(len, content))


def check_backup(repository: Repository, backup_id: str, findings: Findings) -> set[str]:
    """Checks one backup completely; returns the keys that its manifest names."""
    name = f"_pbe/manifests/{backup_id}.json"
    manifest = findings.attempt(name, lambda: repository.manifest(backup_id))
    if manifest is None:
        return set()
    findings.attempt(name, lambda: repository.demand_trust(manifest))
    state = "complete" if manifest.body["complete"] else "INCOMPLETE"
    findings.say(f"manifest {backup_id}  {manifest.trust}, {manifest.body['mode']}, {state}")
    keys = set()
    for artifact in manifest.body["artifacts"]:
        entries = artifact["objects"]
        keys.update(entry["key"] for entry in entries)
        what = f"{backup_id}/{artifact['name']}"
        length = findings.attempt(what, lambda: drain(repository.artifact_content(manifest, artifact)))
        if length is not None:
            findings.say(f"ok       {what!r}: {length} bytes in {len(entries)} objects")
    return keys


def check_notes(repository: Repository, findings: Findings) -> dict[str, set[str]]:
    """Evidence and started markers; returns the keys that the runs of each id claimed."""
    claimed: dict[str, set[str]] = {}
    for key in repository.below("_pbe/evidence/"):
        findings.attempt(key, lambda: _evidence(repository, key))
    for key in repository.below("_pbe/started/"):
        if marker := findings.attempt(key, lambda: _started(repository, key)):
            claimed.setdefault(marker.body["id"], set()).update(marker.body["keys"])
    return claimed


def _evidence(repository: Repository, key: str) -> Document:
    document = repository.document(key, "evidence")
    documents.check_belongs(document, key.split("/")[2], repository.id)
    return document


def _started(repository: Repository, key: str) -> Document:
    document = repository.document(key, "started")
    documents.check_belongs(document, key.split("/")[2], None)
    if document.body["nonce"] != key.split("/")[-1]:
        raise Damaged("its nonce is not the one of its key")
    return document


def check_all(repository: Repository, findings: Findings) -> None:
    """Every manifest, every object completely, evidence and started markers; data that nobody names is noted."""
    named: set[str] = set()
    for key in repository.below("_pbe/manifests/"):
        named |= check_backup(repository, key.removeprefix("_pbe/manifests/").removesuffix(".json"), findings)
    claimed = check_notes(repository, findings)
    for key in repository.below(""):
        backup_id = key.split("/")[0]
        if key in named or not documents.ID.fullmatch(backup_id):
            continue
        run = claimed.get(backup_id, set())
        known = key in run or ROLL_OVER.sub("", key) in run
        findings.say(f"note     {key!r}: {'of a run without manifest' if known else 'foreign'}")
