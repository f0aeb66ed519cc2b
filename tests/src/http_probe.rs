//! The smallest HTTP client: is a server there?

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Of a server that is there: longer than a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends one unsigned request without a body to 127.0.0.1 and returns status and body. Blocking, twenty seconds at most
/// per read or write.
///
/// # Errors
/// If the server cannot be reached or does not answer in HTTP.
pub fn http_request(method: &str, port: u16, path: &str) -> Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    read_answer(stream)
}

/// SeaweedFS leaves the connection open after `Connection: close`: the end of the message counts, not of the stream.
fn read_answer(mut stream: TcpStream) -> Result<(u16, String)> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && (count == 0 || is_complete(head, body))
        {
            let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
            let answer = status.map(|status| (status, body.to_owned()));
            return answer.ok_or_else(|| Error::from(ErrorKind::InvalidData));
        }
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

fn is_complete(head: &str, body: &str) -> bool {
    let length = |line: &str| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length:")?
            .trim()
            .parse::<usize>()
            .ok()
    };
    match head.lines().find_map(length) {
        Some(length) => body.len() >= length,
        None => body.ends_with("\r\n0\r\n\r\n"),
    }
}
