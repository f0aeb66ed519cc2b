.DEFAULT_GOAL := help
.PHONY: help demo test check bench

help:
	@echo 'make demo    back up eight databases to a throw-away S3 server, destroy one, restore it, compare'
	@echo '             STORE=/some/folder  use a local folder instead of S3'
	@echo 'make test    everything: formatting, lints, docs, dependencies, and all tests against real servers'
	@echo 'make check   fast: formatting, lints, docs; no server'
	@echo 'make bench   benchmarks, beside the tools that they are measured against'
	@echo
	@echo 'demo, test and bench install what they need on Debian 12 by themselves (root or sudo): Debian packages,'
	@echo 'PyPI wheels, and test servers built from the Go module proxy. Beside package installs, and the caches of cargo and'
	@echo 'pip, they write only to'
	@echo '  target/                             (CARGO_TARGET_DIR)'
	@echo '  ~/.cache/platform-backup            (PLATFORM_BACKUP_CACHE) built servers, PostgreSQL 14 to 18, a Python environment'
	@echo '  $$TMPDIR                             server folders, removed when they stop'

demo:
	@scripts/demo.sh

test:
	@scripts/test.sh

check:
	@scripts/check.sh

bench:
	@scripts/bench.sh
