//! Benchmarks of the workspace; see `docs/PERFORMANCE.md`.
