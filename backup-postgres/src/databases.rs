//! The databases of the platform.

macro_rules! databases {
    ($first:literal $(, $name:literal)* $(,)?) => {
        /// The databases that are backed up when none are named: all documented ones but `platform_sonarqube`, which belongs to CI only.
        pub const DEFAULT_DATABASES: &[&str] = &[$first $(, $name)*];

        /// The same, separated by spaces.
        pub const DEFAULT_DATABASES_TEXT: &str = concat!($first $(, " ", $name)*);
    };
}

databases![
    "platform_kernel",
    "platform_billing",
    "platform_domain",
    "platform_files",
    "platform_integration",
    "platform_module",
    "platform_money",
    "platform_notify",
];
