//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below the range that the kernel gives to outgoing connections (32768), and so that port + 10000 is too: between
/// the test for a free port and the server's `bind`, only another test can take it, and those start elsewhere.
const FIRST: u16 = 12_000;
const COUNT: u16 = 9_000;

/// A port on 127.0.0.1 where neither it nor port + 10000 has a listener (SeaweedFS puts gRPC there). No port is given
/// out twice by one process, until all were.
///
/// # Panics
/// If none is free.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(7919);
    (0..COUNT)
        .map(|_| {
            let step = u32::from(TAKEN.fetch_add(1, Ordering::Relaxed));
            FIRST + u16::try_from(start.wrapping_add(step) % u32::from(COUNT)).expect("below COUNT")
        })
        .find(|port| is_free(*port) && is_free(port + 10_000))
        .expect("a free port on 127.0.0.1")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
