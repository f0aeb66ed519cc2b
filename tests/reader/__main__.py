"""Command line: `python3 -m reader open|check|manifest|repo …`. Exit codes: 0 ok, 2 usage, 10 damage, 13 key missing or wrong."""

import argparse
import json
import sys

from . import __doc__ as HELP
from . import documents, keyfile, pbe1, repository
from .errors import Damaged, KeyMissing
from .repository import DAMAGE, NO_KEY, OK, Findings, Repository

USAGE = 2


def hex_bytes(count: int):
    def parse(text: str) -> bytes:
        if len(text) != 2 * count or not set(text) <= set("0123456789abcdef"):
            raise argparse.ArgumentTypeError(f"not {2 * count} lower-case hex digits")
        return bytes.fromhex(text)

    return parse


def say(text: str) -> None:
    print(text, file=sys.stderr)


def run_open(arguments: argparse.Namespace) -> int:
    """`open` writes the content, `check` only reads it."""
    keys = keyfile.load(arguments.key_file)
    expected = pbe1.Expected(arguments.repository, arguments.path, arguments.file_id)
    with open(arguments.object, "rb") as file:
        header, decryptor = pbe1.open_header(file, keys, expected)
        content = repository.open_content(file, header, decryptor)
        length = write_out(content) if arguments.command == "open" else repository.drain(content)
    say(f"ok: {length} bytes of {header.content_type}, written by {header.tool!r}, file id {header.file_id.hex()}")
    return OK


def write_out(content) -> int:
    length = 0
    for data in content:
        sys.stdout.buffer.write(data)
        length += len(data)
    sys.stdout.buffer.flush()
    return length


def run_manifest(arguments: argparse.Namespace) -> int:
    keys = keyfile.load(arguments.key_file) if arguments.key_file else None
    document = documents.read(arguments.file, "manifest", keys)
    print(json.dumps(document.body, indent=1))
    say(f"{document.trust}" + (f" ({document.signer})" if document.signer else ""))
    return NO_KEY if keys and document.trust == documents.UNKNOWN_SIGNER else OK


def run_repo(arguments: argparse.Namespace) -> int:
    keys = keyfile.load(arguments.key_file) if arguments.key_file else keyfile.Keys()
    found = Repository(arguments.folder, keys, arguments.unsigned)
    if arguments.extract:
        return extract(found, *arguments.extract)
    findings = Findings(print)
    repository.check_all(found, findings)
    print(f"{len(findings.damaged)} damaged, {len(findings.unopened)} without key")
    return findings.exit_code()


def extract(found: Repository, backup_id: str, name: str) -> int:
    manifest = found.manifest(backup_id)
    found.demand_trust(manifest)
    artifacts = [artifact for artifact in manifest.body["artifacts"] if artifact["name"] == name]
    if len(artifacts) != 1:
        say(f"the manifest names {len(artifacts)} artifacts {name!r}")
        return USAGE
    say(f"ok: {write_out(found.artifact_content(manifest, artifacts[0]))} bytes, manifest {manifest.trust}")
    return OK


def artifact_name(text: str) -> tuple[str, str]:
    backup_id, slash, name = text.partition("/")
    if not documents.ID.fullmatch(backup_id) or not slash or not name:
        raise argparse.ArgumentTypeError("not ID/NAME")
    return backup_id, name


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser("reader", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    for name, what in (("open", "write the content of one object"), ("check", "read one object completely")):
        one = commands.add_parser(name, help=what)
        one.add_argument("object")
        one.add_argument("--key-file", required=True)
        one.add_argument("--repository", required=True, type=hex_bytes(16), metavar="HEX")
        one.add_argument("--path", required=True, metavar="LOGICAL")
        one.add_argument("--file-id", type=hex_bytes(32), metavar="HEX")
        one.set_defaults(run=run_open)
    manifest = commands.add_parser("manifest", help="print a manifest and its trust")
    manifest.add_argument("file")
    manifest.add_argument("--key-file")
    manifest.set_defaults(run=run_manifest)
    repo = commands.add_parser("repo", help="check a whole repository, or extract one artifact")
    repo.add_argument("folder")
    repo.add_argument("--key-file", help="needed for all but unsigned backups that the store encrypts")
    repo.add_argument("--extract", type=artifact_name, metavar="ID/NAME")
    repo.add_argument("--unsigned", action="store_true", help="accept manifests that no key of the key file signed")
    repo.set_defaults(run=run_repo)
    return top


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except Damaged as error:
        say(f"damaged: {error}")
        return DAMAGE
    except KeyMissing as error:
        say(f"key missing: {error}")
        return NO_KEY
    except OSError as error:
        say(f"{error.filename}: {error.strerror}")
        return USAGE


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stderr.reconfigure(errors="backslashreplace")
    sys.exit(main())
