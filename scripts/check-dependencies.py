#!/usr/bin/env python3
"""Checks licences, duplicate and wildcard versions, and sources of all dependencies against deny.toml.

Same rules as `cargo deny check licenses bans sources`, for the sections that deny.toml uses; anything else in it is
refused, so that no rule is silently without effect. Exit code 1 with one line per finding.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KNOWN = {
    "graph": {"targets", "all-features"},
    "licenses": {"allow"},
    "bans": {"multiple-versions", "wildcards", "allow-wildcard-paths", "skip"},
    "sources": {"unknown-registry", "unknown-git", "allow-registry", "allow-git"},
}
STRICT = {
    "bans": {"multiple-versions": "deny", "wildcards": "deny", "allow-wildcard-paths": True},
    "sources": {"unknown-registry": "deny", "unknown-git": "deny", "allow-git": []},
}


def check_rules(rules):
    for section, values in rules.items():
        for key in values.keys() - KNOWN.get(section, set()):
            yield f"deny.toml: [{section}] {key} is not known to this check"
    for section, values in STRICT.items():
        for key, value in values.items():
            if rules[section].get(key) != value:
                yield f"deny.toml: [{section}] {key} must be {value!r}"


def packages_of(targets):
    """The packages that are really built for one of the targets.

    `cargo metadata` alone also lists what only a weak feature (`crate?/feature`) of an unused crate would bring in.
    """
    options = ["--all-features", "--locked"]
    metadata = json.loads(cargo("metadata", "--format-version", "1", *options))
    tree = cargo("tree", "--workspace", "-e", "all", "--prefix", "none", "--format", "{p}", *options,
                 *[word for target in targets for word in ("--target", target)])
    built = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    return [package for package in metadata["packages"] if (package["name"], "v" + package["version"]) in built]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


class Licence:
    """Recursive descent over an SPDX expression; `a/b` is Cargo's old spelling of `a OR b`. Keeps the licences used."""

    def __init__(self, expression, allowed):
        self.tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
        self.allowed = allowed
        self.used = set()

    def is_allowed(self):
        result = self.any_of()
        if self.tokens:
            raise ValueError(f"unexpected {self.tokens[0]!r}")
        return result

    def any_of(self):
        results = [self.all_of()]
        while self.take("OR"):
            results.append(self.all_of())
        return any(results)

    def all_of(self):
        results = [self.term()]
        while self.take("AND"):
            results.append(self.term())
        return all(results)

    def term(self):
        if self.take("("):
            result = self.any_of()
            if not self.take(")"):
                raise ValueError("unclosed parenthesis")
            return result
        if not self.tokens or self.tokens[0] in ("AND", "OR", "WITH", ")"):
            raise ValueError("a licence is missing")
        name = self.tokens.pop(0)
        if self.take("WITH"):
            name += " WITH " + self.tokens.pop(0)
        self.used.add(name)
        return name in self.allowed

    def take(self, token):
        if self.tokens[:1] != [token]:
            return False
        self.tokens.pop(0)
        return True


def check_licences(packages, allowed):
    used = set()
    for package in packages:
        try:
            licence = Licence(package["license"] or "", allowed)
            good = licence.is_allowed()
            used |= licence.used
        except (ValueError, IndexError) as error:
            yield f"{name_of(package)}: licence {package['license']!r} cannot be read: {error}"
            continue
        if not good:
            yield f"{name_of(package)}: licence {package['license']} is not allowed"
    for name in sorted(set(allowed) - used):
        yield f"deny.toml: no dependency is under {name}"


def check_duplicates(packages, skips):
    versions = defaultdict(set)
    for package in packages:
        versions[package["name"]].add(package["version"])
    unused = {skip["crate"] for skip in skips}
    for skip in skips:
        if not skip.get("reason"):
            yield f"deny.toml: skip of {skip['crate']} has no reason"
    for name, found in sorted(versions.items()):
        skipped = {skip["crate"] for skip in skips for version in found if matches(skip["crate"], name, version)}
        kept = [v for v in found if not any(matches(skip["crate"], name, v) for skip in skips)]
        if len(found) > 1:
            unused -= skipped
        if len(kept) > 1:
            yield f"{name}: several versions: {', '.join(sorted(kept))}"
    for crate in sorted(unused):
        yield f"deny.toml: skip of {crate} is not needed"


def matches(skip, name, version):
    """`base64@0.22` skips every 0.22.x, as a Cargo version requirement does."""
    skipped_name, _, prefix = skip.partition("@")
    return skipped_name == name and (version + ".").startswith(prefix + ".")


def check_wildcards(packages):
    for package in packages:
        if package["source"] is not None:
            continue
        for dependency in package["dependencies"]:
            if dependency["req"] == "*" and dependency.get("path") is None:
                yield f"{package['name']}: wildcard version of {dependency['name']}"


def check_sources(packages, registries):
    allowed = {f"registry+{registry}" for registry in registries}
    for package in packages:
        inside = Path(package["manifest_path"]).is_relative_to(ROOT)
        if package["source"] is None and not inside:
            yield f"{name_of(package)}: path dependency outside the repository"
        if package["source"] is not None and package["source"] not in allowed:
            yield f"{name_of(package)}: source {package['source']} is not allowed"


def name_of(package):
    return f"{package['name']} {package['version']}"


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    findings = list(check_rules(rules))
    if not findings:
        packages = packages_of(rules["graph"]["targets"])
        findings += check_licences(packages, rules["licenses"]["allow"])
        findings += check_duplicates(packages, rules["bans"]["skip"])
        findings += check_wildcards(packages)
        findings += check_sources(packages, rules["sources"]["allow-registry"])
        print(f"{len(packages)} packages checked, {len(findings)} findings")
    for finding in findings:
        print(f"error: {finding}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
