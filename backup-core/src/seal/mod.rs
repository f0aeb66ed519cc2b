//! Sealed objects, `PBE1` (`docs/FORMAT.md`, section 4).
