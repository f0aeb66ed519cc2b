//! What is in a repository: manifests, markers, leases and evidence.
