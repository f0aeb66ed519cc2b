#!/usr/bin/env bash
# The main job from end to end on throw-away servers; see `make help`.
set -euo pipefail
. "$(dirname "$0")/paths.sh"
. "$(dirname "$0")/background-build.sh"
cd "$repository"
scripts/install.sh
# With STORE=/some/folder no S3 server is needed.
if [ -z "${STORE:-}" ]; then start_building_servers minio; fi
cargo build --release -p backup-bins -p backup-tests --bins
if [ -z "${STORE:-}" ]; then wait_for_servers; fi
exec "$CARGO_TARGET_DIR/release/demo"
