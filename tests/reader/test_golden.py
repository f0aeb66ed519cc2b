"""Reads every repository in tests/golden, as every later version must."""

import hashlib
import json
import unittest
from pathlib import Path

from . import repository
from .repository import Findings, Repository
from .test_format import keys

GOLDEN = Path(__file__).parents[1] / "golden"
ID = "20260422_170000"
MONEY = "2f30c60ccf3ab26831bfdb56753c2448e45ee129e2394689ac4d7e23c8773bf4"
KEYRINGS = (("kek", "sign"), ("kek", "verify"), ("recovery-secret", "verify"))


class Golden(unittest.TestCase):
    def repositories(self):
        found = sorted(GOLDEN.iterdir())
        self.assertTrue(found)
        return [(folder, Repository(str(folder), keys(*names))) for folder in found for names in KEYRINGS]

    def test_every_document_and_object_of_every_version_is_whole(self):
        for folder, found in self.repositories():
            said = []
            findings = Findings(said.append)
            repository.check_all(found, findings)
            self.assertEqual(findings.exit_code(), repository.OK, said)
            self.assertEqual(len([line for line in said if line.startswith("ok ")]), 2, said)
            self.assertFalse([line for line in said if line.startswith("note")], said)

    def test_the_content_is_what_was_backed_up(self):
        for folder, found in self.repositories():
            manifest = found.manifest(ID)
            found.demand_trust(manifest)
            content = {
                artifact["name"]: b"".join(found.artifact_content(manifest, artifact))
                for artifact in manifest.body["artifacts"]
            }
            self.assertEqual(content["globals.sql"], b"CREATE ROLE kernel;\n", folder)
            self.assertEqual(hashlib.sha256(content["platform_money"]).hexdigest(), MONEY, folder)

    def test_the_lease_is_as_specified(self):
        for folder, _ in self.repositories():
            text = (folder / "_pbe/lease/postgres.dump/current").read_text()
            lease = json.loads(text)
            self.assertTrue(text.endswith("}\n") and text.count("\n") == 1)
            self.assertEqual(
                {name: value for name, value in lease.items() if name != "nonce"},
                {"format": 1, "target": "postgres.dump", "state": "held", "host": "node-1", "pid": 42, "purpose": "backup"},
            )


if __name__ == "__main__":
    unittest.main()
