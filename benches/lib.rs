//! Benchmarks of the workspace: `make bench`.
