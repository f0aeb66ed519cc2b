"""Signed documents and key files."""

import hashlib
import os
import tempfile
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import documents, keyfile, writer
from .errors import Damaged, KeyMissing
from .keyfile import Keys

KEK, OTHER = hashlib.sha256(b"kek").digest(), hashlib.sha256(b"other").digest()
SIGNER = keyfile.signing_key_of(KEK)
ID, REPOSITORY = "20260422_170000", "0f" * 16


def keys(kind: str = "kek", key: bytes = KEK) -> Keys:
    made = Keys()
    made.add(kind, key)
    return made


def manifest_body(**changes) -> dict:
    return {
        "format": 1, "id": ID, "repository": REPOSITORY, "target": "postgres.dump", "nonce": "ab" * 16, "mode": "sealed",
        "lineage": "7", "started": "2026-04-22T17:00:00Z", "finished": "2026-04-22T17:01:00.5Z", "tool": "writer 1",
        "complete": True, "parents": [], "artifacts": [], "failures": [], "findings": [], "details": {}, **changes,
    }


BODIES = {
    "manifest": manifest_body(),
    "repository": {"format": 1, "id": REPOSITORY, "created": "2026-04-22T17:00:00Z"},
    "started": {
        "format": 1, "id": ID, "target": "postgres.dump", "nonce": "ab" * 16, "state": "started", "host": "h", "pid": 7,
        "started": "2026-04-22T17:00:00Z", "keys": [ID + "/a"],
    },
    "evidence": {
        "format": 1, "id": ID, "repository": REPOSITORY, "manifest": "ef" * 32, "target": "postgres.dump",
        "at": "2026-04-22T17:00:00Z", "depth": "content", "ok": True, "damaged": [], "tool": "writer 1",
    },
}


class Trust(unittest.TestCase):
    def test_each_kind_is_signed_unsigned_or_of_an_unknown_signer(self):
        for kind, body in BODIES.items():
            with self.subTest(kind):
                signed = writer.sign(body, kind, SIGNER)
                self.assertEqual(documents.parse(signed, kind, keys()).trust, "signed")
                self.assertEqual(documents.parse(signed, kind, keys(key=OTHER)).trust, "unknown signer")
                self.assertEqual(documents.parse(signed, kind).trust, "unknown signer")
                self.assertEqual(documents.parse(writer.sign(body, kind, None), kind, keys()).trust, "unsigned")

    def test_sign_and_verify_lines_verify(self):
        signer = Ed25519PrivateKey.from_private_bytes(OTHER)
        signed = writer.sign(BODIES["manifest"], "manifest", signer)
        public = signer.public_key().public_bytes_raw()
        for held in (keys("sign", OTHER), keys("verify", public)):
            self.assertEqual(documents.parse(signed, "manifest", held).trust, "signed")

    def test_unknown_fields_are_ignored(self):
        signed = writer.sign(manifest_body(later={"x": [1]}), "manifest", SIGNER)
        self.assertEqual(documents.parse(signed, "manifest", keys()).trust, "signed")


class Refused(unittest.TestCase):
    GOOD = writer.sign(BODIES["manifest"], "manifest", SIGNER)

    def refused(self, data: bytes, kind: str = "manifest") -> None:
        with self.assertRaises(Damaged):
            documents.parse(data, kind, keys())

    def test_no_flipped_bit_leaves_a_document_signed(self):
        signer_at = self.GOOD.index(b" ed25519=") + 9
        for at in range(len(self.GOOD)):
            for bit in range(8):
                flipped = self.GOOD[:at] + bytes([self.GOOD[at] ^ 1 << bit]) + self.GOOD[at + 1 :]
                try:
                    trust = documents.parse(flipped, "manifest", keys()).trust
                except Damaged:
                    continue
                self.assertTrue(signer_at <= at < signer_at + 16 and trust == "unknown signer", f"byte {at}, bit {bit}")

    def test_swapped_signature_lines_are_refused(self):
        other = writer.sign(manifest_body(id="20260423_170000"), "manifest", SIGNER)
        (json_a, line_a, _), (json_b, line_b, _) = self.GOOD.split(b"\n"), other.split(b"\n")
        self.refused(json_a + b"\n" + line_b + b"\n")
        self.refused(json_b + b"\n" + line_a + b"\n")
        digest_b = line_b[: line_b.index(b" ed25519")]
        self.refused(json_b + b"\n" + digest_b + line_a[line_a.index(b" ed25519") :] + b"\n")

    def test_a_document_of_another_kind_is_refused(self):
        for kind in documents.LIMITS.keys() - {"manifest"}:
            self.refused(self.GOOD, kind)
            self.refused(self.GOOD.replace(b"pbe1-manifest", b"pbe1-" + kind.encode()), kind)

    def test_only_lower_case_hex_is_accepted(self):
        json_line, signature, _ = self.GOOD.split(b"\n")
        name, digest, ed25519 = signature.split(b" ")
        for upper in (digest[:7] + digest[7:].upper() + b" " + ed25519, digest + b" " + ed25519[:8] + ed25519[8:].upper()):
            self.refused(json_line + b"\n" + name + b" " + upper + b"\n")
        self.refused(writer.sign(manifest_body(repository=REPOSITORY.upper()), "manifest", SIGNER))

    def test_exactly_two_lines_end_with_lf(self):
        lines = self.GOOD.split(b"\n")
        for data in (
            b"", b"\n\n", self.GOOD[:-1], self.GOOD + b"\n", self.GOOD + b" ", b"\n" + self.GOOD, b"\xef\xbb\xbf" + self.GOOD,
            self.GOOD.replace(b"\n", b"\r\n"), lines[0] + b"\r\n" + lines[1] + b"\n", lines[0] + b"\n" + lines[1] + b"\r\n",
            lines[0] + b"\n\n" + lines[1] + b"\n", self.GOOD.replace(b" ed25519", b"  ed25519"), lines[0] + b"\n",
            self.GOOD.replace(b" sha256", b"\tsha256"), self.GOOD[:-1] + b" \n", self.GOOD + lines[1] + b"\n",
        ):
            with self.subTest(data[-40:]):
                self.refused(data)
        self.refused(writer.sign(b'{"format":1,\r"id":""}', "manifest", SIGNER))

    def test_a_higher_format_and_what_is_no_manifest_are_refused(self):
        for body in (
            manifest_body(format=2), manifest_body(format=True), manifest_body(format="1"), manifest_body(id="2026-04-22"),
            manifest_body(mode="plain"), manifest_body(complete=1), manifest_body(started="yesterday"),
            manifest_body(artifacts=[{"name": "a"}]), b"[]", b"", b"{", b'{"format":1}', b'{"format":NaN}', b"\xff",
            b'{"format":1,"format":1}', b"[" * 100_000, b'{"format":' + b"1" * 10_000 + b"}",
        ):
            with self.subTest(str(body)[:60]):
                self.refused(writer.sign(body, "manifest", SIGNER))

    def test_keys_that_leave_the_repository_are_refused(self):
        for key in ("", "/etc/passwd", "../x", "a/../b", "a/..", "a//b", "a/", ".", "a\nb", "a\x7fb", "k" * 1025, "a\0b"):
            with self.subTest(key):
                self.refused(writer.sign({**BODIES["started"], "keys": [key]}, "started", SIGNER), "started")

    def test_too_long_documents_are_refused(self):
        self.refused(writer.sign({**BODIES["started"], "host": "h" * (4 << 20)}, "started", SIGNER), "started")


class KeyFiles(unittest.TestCase):
    def load(self, text: str | bytes, mode: int = 0o600) -> Keys:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "keys")
            with open(path, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())
            os.chmod(path, mode)
            return keyfile.load(path)

    def refused(self, text: str | bytes, mode: int = 0o600) -> None:
        with self.assertRaises(KeyMissing) as refusal:
            self.load(text, mode)
        self.assertNotIn(KEK.hex()[:16], str(refusal.exception))

    def test_all_kinds_comments_and_blank_lines_are_read(self):
        public = SIGNER.public_key().public_bytes_raw()
        lines = [writer.key_line(kind, OTHER) for kind in ("sign", "recovery", "recovery-secret")]
        text = "# keys\n\n" + writer.key_line("kek", KEK) + "".join(lines) + writer.key_line("verify", public)
        held = self.load(text)
        self.assertEqual((len(held.keks), len(held.recovery), len(held.verifiers)), (1, 1, 2))
        self.assertIn(keyfile.kek_id(KEK), held.keks)

    def test_a_secret_that_others_can_read_is_refused(self):
        for mode in (0o604, 0o644, 0o660):
            self.refused(writer.key_line("kek", KEK), mode)
        self.assertTrue(self.load(writer.key_line("kek", KEK), 0o400).keks)
        self.assertTrue(self.load(writer.key_line("verify", SIGNER.public_key().public_bytes_raw()), 0o644).verifiers)

    def test_a_group_reads_only_what_belongs_to_root(self):
        reader = os.geteuid()
        for owner, mode, good in ((0, 0o440, True), (0, 0o640, True), (0, 0o660, False), (0, 0o644, False), (reader or 7, 0o440, False),
                                  (reader, 0o600, True), (reader + 1, 0o600, reader == 0)):
            status = os.stat_result((0o100000 | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))
            self.assertEqual(keyfile.private(status), good, (owner, oct(mode)))

    def test_comments_blank_lines_and_line_ends_do_not_matter(self):
        line = writer.key_line("kek", KEK).strip()
        for text in (line, f"# kept by ops\r\n\r\n \t{line} # the key\r\n", f"{line}\n{line}\n"):
            self.assertEqual(list(self.load(text).keks.values()), [KEK])

    def test_mistyped_and_weak_keys_are_refused(self):
        line = writer.key_line("kek", KEK)
        swapped = line.replace("kek", "sign")
        for text in (
            line.upper(), line[:-3] + "zz\n", line.replace(":" + line[9:11], ":00", 1), swapped, line.replace("pbe1", "pbe2"),
            line.replace("kek", "kex"), line[:-1] + " x\n", b"\xff\n", "", "# nothing\n",
            writer.key_line("kek", bytes(32)), writer.key_line("kek", bytes(range(32))),
            writer.key_line("kek", bytes((240 + i) % 256 for i in range(32))),
        ):
            with self.subTest(text):
                self.refused(text)


class Derivation(unittest.TestCase):
    def test_expand_is_rfc_5869_from_hmac(self):
        for length in (8, 32, 64, 76):
            self.assertEqual(keyfile.expand(KEK, b"info", length), writer.expand(KEK, b"info", length))


if __name__ == "__main__":
    unittest.main()
