//! Compressed content: independent zstd frames with a seek table (`docs/FORMAT.md`, section 5).
