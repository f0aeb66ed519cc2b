//! The databases of the platform.

/// The databases that are backed up when none are named: all documented ones but `platform_sonarqube`, which belongs to CI only.
pub const DEFAULT_DATABASES: [&str; 8] = [
    "platform_kernel",
    "platform_billing",
    "platform_domain",
    "platform_files",
    "platform_integration",
    "platform_module",
    "platform_money",
    "platform_notify",
];
