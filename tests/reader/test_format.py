"""The vectors of docs/FORMAT.md, section 8, taken from the page itself."""

import hashlib
import io
import re
import unittest
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import documents, frames, keyfile, pbe1, writer
from .errors import KeyMissing
from .keyfile import Keys
from .repository import open_content

PAGE = Path(__file__).parents[2] / "docs" / "FORMAT.md"
SECTION = PAGE.read_text().split("\n## 8. Vectors\n")[1]
EXPECTED = pbe1.Expected(bytes([9] * 16), "20260422_170000/platform_money.pgdump", bytes(range(32)))


def named_vectors() -> dict[str, str]:
    block = SECTION.split("```")[1]
    joined = re.sub(r"\n +", "", block)
    return dict(line.split(" = ", 1) for line in joined.strip().split("\n"))


VECTORS = named_vectors()


def raw_key(name: str) -> bytes:
    return bytes.fromhex(VECTORS[f"key.{name}"].split(":")[2])


def keys(*names: str) -> Keys:
    made = Keys()
    for name in names:
        made.add(name, raw_key(name))
    return made


class Page(unittest.TestCase):
    def test_the_table_of_payloads_holds(self):
        rows = re.findall(r"^\| (\d+) \| (\d+) \| `([0-9a-f]{64})` \|$", SECTION, re.MULTILINE)
        self.assertEqual([int(row[0]) for row in rows], [0, 1, 16383, 16384, 16385, 40000])
        commitment = re.search(r"Commitment:\s+`([0-9a-f]{64})`", SECTION)[1]
        for length, sealed_length, digest in rows:
            content = bytes((7 * i + 3) % 256 for i in range(int(length)))
            sealed = writer.seal_payload(bytes(range(32)), bytes(range(100, 124)), b"vault/raft/20260101T000000Z.snap", content)
            found = (len(sealed), sealed[24:56].hex(), hashlib.sha256(sealed).hexdigest())
            self.assertEqual(found, (int(sealed_length), commitment, digest), length)

    def test_keys_have_the_ids_and_public_halves_of_the_page_and_are_refused_in_a_key_file(self):
        for name in ("kek", "sign", "verify", "recovery", "recovery-secret"):
            line = VECTORS[f"key.{name}"]
            self.assertEqual(writer.key_line(name, raw_key(name)).strip(), line)
            with self.assertRaisesRegex(KeyMissing, "not a random key"):
                keyfile.parse(line)
        self.assertEqual(list(keys("kek").keks), [bytes.fromhex(VECTORS["id.kek"])])
        self.assertEqual(list(keys("kek").verifiers), [bytes.fromhex(VECTORS["id.kek.signs_as"])])
        self.assertEqual(list(keys("sign").verifiers), list(keys("verify").verifiers))
        self.assertEqual(list(keys("sign").verifiers), [bytes.fromhex(VECTORS["id.sign"])])
        self.assertEqual(list(keys("recovery-secret").recovery), [bytes.fromhex(VECTORS["id.recovery"])])
        self.assertEqual(keyfile.recovery_id(raw_key("recovery")).hex(), VECTORS["id.recovery"])

    def test_the_object_opens_with_either_key_and_derives_what_the_page_says(self):
        sealed = bytes.fromhex(VECTORS["object"])
        for opener in (keys("kek"), keys("recovery-secret")):
            stream = io.BytesIO(sealed)
            header, decryptor = pbe1.open_header(stream, opener, EXPECTED)
            self.assertEqual(b"".join(open_content(stream, header, decryptor)).hex(), VECTORS["object.content"])
            self.assertEqual(pbe1.open_slot(header, opener).hex(), VECTORS["object.file_key"])
            about = (header.component, header.content_type, header.tool, header.created, header.codec)
            self.assertEqual(about, ("postgres", "application/x-pg-dump", "backup-postgres 0.1.0", 1776877200125, 0))
        self.assertEqual(header.context.hex(), VECTORS["object.context"])
        payload = sealed[header.payload_offset :]
        self.assertEqual(hashlib.sha256(payload).hexdigest(), VECTORS["object.sha256"])
        file_key = bytes.fromhex(VECTORS["object.file_key"])
        for name, label in (("header_key", b"pbe1/hdr"), ("payload_key", b"pbe1/payload")):
            self.assertEqual(writer.expand(file_key, label + header.file_id, 32).hex(), VECTORS[f"object.{name}"])
        label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + payload[:24] + header.context
        derived = writer.expand(bytes.fromhex(VECTORS["object.payload_key"]), label, 76)
        self.assertEqual(derived[:44].hex(), VECTORS["object.chunk_key"] + VECTORS["object.nonce"])

    def test_the_document_is_signed_as_the_page_says(self):
        line = VECTORS["document"].encode()
        by_kek = keyfile.signing_key_of(raw_key("kek"))
        by_sign = Ed25519PrivateKey.from_private_bytes(raw_key("sign"))
        for name, signer in (("by_sign", by_sign), ("by_kek", by_kek)):
            signed = writer.sign(line, "manifest", signer)
            self.assertEqual(signed.decode(), f"{VECTORS['document']}\n{VECTORS[f'document.{name}']}\n")
            match = documents.SIGNATURE.fullmatch(signed.split(b"\n")[1])
            trust = documents._trust("manifest", hashlib.sha256(line).digest(), match, keys("kek", "verify"))
            self.assertEqual(trust, documents.SIGNED)

    def test_the_frames_of_the_page_are_read(self):
        for name, content in (("frames.abc", b"abc"), ("frames.empty", b"")):
            self.assertEqual(b"".join(frames.content([bytes.fromhex(VECTORS[name])])), content)

    def test_every_vector_is_looked_at(self):
        looked_at = re.findall(r"(?:key|id|object|document|frames)[a-z._-]*", Path(__file__).read_text())
        for name in VECTORS:
            last = name.split(".", 1)[-1]
            self.assertTrue(name in looked_at or last in Path(__file__).read_text(), name)


if __name__ == "__main__":
    unittest.main()
