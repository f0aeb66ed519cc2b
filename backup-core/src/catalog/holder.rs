//! Who is at work.

/// The process that runs, as leases and started markers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Name of the host.
    pub host: String,
    /// Number of the process on that host.
    pub pid: u32,
}

impl Holder {
    /// This process on this host.
    #[must_use]
    pub fn of_this_process() -> Self {
        let uname = rustix::system::uname();
        Self {
            host: uname.nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
        }
    }
}
