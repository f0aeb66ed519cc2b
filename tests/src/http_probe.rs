//! The smallest HTTP client: is a server there?

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Sends one unsigned request without a body to 127.0.0.1 and returns status and body. Blocking, five seconds at most per
/// read or write.
///
/// # Errors
/// If the server cannot be reached or does not answer in HTTP.
pub fn http_request(method: &str, port: u16, path: &str) -> Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    status
        .map(|status| (status, body.to_owned()))
        .ok_or_else(|| Error::from(ErrorKind::InvalidData))
}
