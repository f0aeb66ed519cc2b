"""The command line, as in a disaster: a copy of a repository, a key file, and nothing else."""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import writer
from .test_documents import BODIES, ID, KEK, OTHER, REPOSITORY, SIGNER, manifest_body

RECOVERY_PUBLIC = X25519PrivateKey.from_private_bytes(OTHER).public_key().public_bytes_raw()
MONEY = [hashlib.shake_128(b"money 1").digest(70_000), b"money 2\n" * 9000]
KEY = f"{ID}/platform_money.pgdump.zst.pbe"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root, self.keys = Path(folder.name, "copy"), Path(folder.name, "keys")
        self.write_keys(writer.key_line("kek", KEK))
        self.entries = [self.put_object(index, part) for index, part in enumerate(MONEY)]
        self.put("_pbe/repository.json", writer.sign(BODIES["repository"], "repository", SIGNER))
        started = {**BODIES["started"], "keys": [KEY, f"{ID}/late.pbe"]}
        self.put(f"_pbe/started/{ID}/{started['nonce']}", writer.sign(started, "started", SIGNER))
        self.put(f"_pbe/evidence/{ID}/20260422_180000-{'cd' * 16}.json", writer.sign(BODIES["evidence"], "evidence", SIGNER))
        self.put_manifest()

    def put(self, key: str, data: bytes) -> None:
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / key).write_bytes(data)

    def write_keys(self, text: str) -> None:
        self.keys.write_text(text)
        self.keys.chmod(0o600)

    def put_object(self, index: int, plain: bytes) -> dict:
        suffix = f".{index + 1:04}" if index else ""
        path, file_id = f"{ID}/platform_money.pgdump{suffix}", bytes([index]) * 32
        records = writer.fixed_records(bytes.fromhex(REPOSITORY), path, file_id, 1)
        sealed = writer.seal(writer.compress(plain), records, KEK, RECOVERY_PUBLIC, file_id=file_id)
        self.put(KEY + suffix, sealed)
        offset = 12 + len(b"".join(records)) + 4 + 512 + 32
        return {
            "key": KEY + suffix, "logical_path": path, "file_id": file_id.hex(), "etag": None, "version": None, "owned": True,
            "length": len(sealed), "payload_offset": offset, "sha256": hashlib.sha256(sealed[offset:]).hexdigest(),
        }

    def put_manifest(self, signer=SIGNER, **changes) -> None:
        artifact = {
            "name": "platform_money", "content_type": "application/x-pg-dump", "plain_length": len(b"".join(MONEY)),
            "objects": self.entries, "details": {},
        }
        body = manifest_body(**{"artifacts": [artifact], **changes})
        self.put(f"_pbe/manifests/{ID}.json", writer.sign(body, "manifest", signer))

    def run_reader(self, *arguments: str) -> tuple[int, bytes, str]:
        command = [sys.executable, "-m", "reader", *arguments]
        done = subprocess.run(command, capture_output=True, cwd=Path(__file__).parent.parent, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def repo(self, *more: str) -> tuple[int, bytes, str]:
        return self.run_reader("repo", str(self.root), "--key-file", str(self.keys), *more)

    def one(self, command: str, *more: str) -> tuple[int, bytes, str]:
        where = ("--repository", REPOSITORY, "--path", f"{ID}/platform_money.pgdump")
        return self.run_reader(command, str(self.root / KEY), "--key-file", str(self.keys), *where, *more)


class Whole(Case):
    def test_a_whole_repository_is_ok_and_its_artifact_comes_out(self):
        code, out, _ = self.repo()
        self.assertEqual((code, b"2 objects" in out, b"note" in out), (0, True, False), out)
        self.assertEqual(self.repo("--extract", f"{ID}/platform_money")[:2], (0, b"".join(MONEY)))

    def test_one_object_opens_without_the_rest(self):
        self.assertEqual(self.one("open")[:2], (0, MONEY[0]))
        self.assertEqual(self.one("check", "--file-id", "00" * 32)[:2], (0, b""))

    def test_the_recovery_secret_opens_what_verify_or_unsigned_accepts(self):
        secret = writer.key_line("recovery-secret", OTHER)
        self.write_keys(secret)
        self.assertEqual(self.repo()[0], 13)
        self.assertEqual(self.repo("--unsigned")[0], 0)
        self.assertEqual(self.repo("--extract", f"{ID}/platform_money")[:2], (13, b""))
        self.write_keys(secret + writer.key_line("verify", SIGNER.public_key().public_bytes_raw()))
        self.assertEqual(self.repo()[0], 0)

    def test_what_the_store_encrypts_is_checked_and_put_together_as_it_stands(self):
        packed = writer.compress(MONEY[1])
        for key, data in ((f"{ID}/plain", MONEY[0]), (f"{ID}/plain.zst", packed)):
            self.put(key, data)
        about = {"file_id": None, "payload_offset": 0}
        for entry, key, data in zip(self.entries, ("plain", "plain.zst"), (MONEY[0], packed)):
            entry.update(about, key=f"{ID}/{key}", length=len(data), sha256=hashlib.sha256(data).hexdigest())
        length = len(MONEY[0]) + len(packed)
        artifact = {"name": "platform_money", "content_type": "t", "plain_length": length, "objects": self.entries}
        self.put_manifest(None, mode="sse-kms", artifacts=[artifact])
        extract = ("--extract", f"{ID}/platform_money")
        self.assertEqual(self.run_reader("repo", str(self.root), *extract)[:2], (0, MONEY[0] + packed))
        self.assertEqual(self.repo(*extract)[:2], (10, b""), "with a key an unsigned manifest counts for nothing")
        self.assertEqual(self.repo("--unsigned", *extract)[0], 0)

    def test_data_that_no_manifest_names_is_noted(self):
        for name in ("late.pbe", "late.pbe.0002", "late.pbe.0001", "stranger"):
            self.put(f"{ID}/{name}", b"x")
        code, out, _ = self.repo()
        self.assertEqual((code, out.count(b"without manifest"), out.count(b"foreign")), (0, 2, 2), out)

    def test_a_manifest_is_printed_with_its_trust(self):
        path = str(self.root / f"_pbe/manifests/{ID}.json")
        code, out, err = self.run_reader("manifest", path, "--key-file", str(self.keys))
        self.assertEqual((code, b"platform_money" in out, err.startswith("signed (")), (0, True, True))
        self.assertIn("unknown signer", self.run_reader("manifest", path)[2])
        self.write_keys(writer.key_line("kek", OTHER))
        self.assertEqual(self.run_reader("manifest", path, "--key-file", str(self.keys))[0], 13)


class Broken(Case):
    def damaged(self, text: str) -> None:
        code, out, err = self.repo()
        self.assertEqual(code, 10, out + err.encode())
        self.assertIn(text, out.decode() + err)

    def test_a_changed_cut_or_missing_object_is_damage(self):
        path = self.root / self.entries[1]["key"]
        sealed = path.read_bytes()
        for data, text in ((sealed[:-1] + b"?", "digest"), (sealed[:-1], "long"), (b"?" + sealed[1:], "magic")):
            path.write_bytes(data)
            self.damaged(text)
        path.unlink()
        self.damaged("No such file")

    def test_objects_that_changed_places_are_damage(self):
        one, two = self.entries
        one["key"], two["key"] = two["key"], one["key"]
        for name in ("length", "sha256", "payload_offset"):
            one[name], two[name] = two[name], one[name]
        self.put_manifest()
        self.damaged("claims to be")

    def test_a_manifest_that_was_renamed_changed_or_unsigned_is_damage(self):
        self.put_manifest(id="20260423_170000")
        self.damaged("is the manifest of")
        self.put_manifest(repository="00" * 16)
        self.damaged("belongs to repository")
        self.put_manifest(signer=None)
        self.damaged("without signature")
        self.entries[0]["payload_offset"] += 512
        self.put_manifest()
        self.damaged("digest")

    def test_a_wrong_length_of_content_or_another_mode_is_damage(self):
        artifact = {"name": "a", "content_type": "t", "plain_length": 1, "objects": self.entries, "details": {}}
        self.put_manifest(artifacts=[artifact])
        self.damaged("the manifest says 1")
        self.put_manifest(mode="sse-s3")
        self.damaged("does not fit mode")

    def test_evidence_and_markers_of_another_backup_are_damage(self):
        self.put(f"_pbe/evidence/20260101_000000/x-{'cd' * 16}.json", writer.sign(BODIES["evidence"], "evidence", SIGNER))
        self.damaged("is the evidence of")
        self.put(f"_pbe/started/{ID}/{'00' * 16}", writer.sign(BODIES["started"], "started", SIGNER))
        self.damaged("nonce")

    def test_a_wrong_key_is_13_and_usage_is_2(self):
        self.write_keys(writer.key_line("kek", OTHER))
        self.assertEqual((self.repo()[0], self.one("open")[:2], self.one("check")[0]), (13, (13, b""), 13))
        self.keys.chmod(0o644)
        self.assertEqual(self.one("open")[0], 13)
        os.remove(self.keys)
        self.assertEqual(self.one("open")[0], 13)
        self.assertEqual(self.run_reader()[0], 2)
        self.assertEqual(self.one("open", "--repository", REPOSITORY.upper())[0], 2)
        self.assertEqual(self.one("open", "--file-id", "00")[0], 2)

    def test_a_damaged_object_is_10_and_gives_no_wrong_byte(self):
        path = self.root / KEY
        path.write_bytes(path.read_bytes()[:-20])
        code, out, err = self.one("open")
        self.assertEqual((code, MONEY[0].startswith(out)), (10, True), err)
        self.assertEqual(self.one("open", "--path", "x")[:2], (10, b""))
        self.assertEqual(self.repo("--extract", f"{ID}/platform_money")[:2], (10, b""))
        self.assertEqual(self.repo("--extract", f"{ID}/nothing")[:2], (2, b""))


if __name__ == "__main__":
    unittest.main()
