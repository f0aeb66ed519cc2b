//! An answer that ends too early, and says that it is whole.

use super::http1::{Body, Head};

/// An answer as it goes to the client.
pub(super) struct Early {
    pub(super) bytes: Vec<u8>,
    /// False if all of the body is in it.
    pub(super) is_cut: bool,
}

/// The answer with the first `end(payload)` bytes of its body, in the framing that it had.
pub(super) fn message(head: &Head, body: &Body, end: fn(&[u8]) -> usize) -> Early {
    let payload = body.payload();
    let kept = &payload[..end(&payload).min(payload.len())];
    let bytes = if head.says("transfer-encoding", "chunked") {
        [head.bytes(), &chunk(kept), b"0\r\n\r\n"].concat()
    } else {
        let fields = head.without("content-length");
        let length = format!("Content-Length: {}\r\n\r\n", kept.len());
        let open = fields.bytes().strip_suffix(b"\r\n").unwrap_or(fields.bytes());
        [open, length.as_bytes(), kept].concat()
    };
    Early {
        bytes,
        is_cut: kept.len() < payload.len(),
    }
}

/// A chunk of no bytes would be the last one.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [] => Vec::new(),
        _ => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
    }
}
