//! Keys: the text they are kept in, and the ring that a run works with (`docs/FORMAT.md`, section 7).
