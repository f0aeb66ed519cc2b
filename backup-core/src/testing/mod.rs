//! Test doubles and the conformance suite, for this workspace and for those who write a store of their own.
