//! The relay's side to the server.

use crate::{ServerSettings, tls};
use backup_core::{Error, ErrorKind, Result};
use rustix::net::sockopt;
use std::{io, os::fd::AsFd, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// The message that asks for TLS: its length and the code of the request.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection to a server, with TLS or without.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Opens a connection on which nothing was said yet, with TLS if `tls`.
///
/// # Errors
/// `SourceUnreachable` if the server does not take it before the deadline; `SourceFailed` if TLS fails; `Config` if the TLS settings are wrong.
pub(super) async fn connect(settings: &ServerSettings, tls: bool) -> Result<Box<dyn Wire>> {
    match tokio::time::timeout(settings.connect_timeout, open(settings, tls)).await {
        Ok(opened) => opened,
        Err(late) => Err(unreachable(settings, late.into())),
    }
}

async fn open(settings: &ServerSettings, tls: bool) -> Result<Box<dyn Wire>> {
    let lost = |error| unreachable(settings, error);
    if settings.host.starts_with('/') {
        let socket = format!("{}/.s.PGSQL.{}", settings.host, settings.port);
        return Ok(Box::new(UnixStream::connect(socket).await.map_err(lost)?));
    }
    let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await;
    let stream = stream.map_err(lost)?;
    stream.set_nodelay(true).map_err(lost)?;
    keep_alive(&stream).map_err(|error| lost(error.into()))?;
    if tls {
        secured(settings, stream).await
    } else {
        Ok(Box::new(stream))
    }
}

/// As the client programs are told to: a server that is gone is found within a minute.
fn keep_alive(stream: impl AsFd) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, Duration::from_secs(30))?;
    sockopt::set_tcp_keepintvl(&stream, Duration::from_secs(10))?;
    sockopt::set_tcp_keepcnt(&stream, 3)
}

async fn secured(settings: &ServerSettings, mut stream: TcpStream) -> Result<Box<dyn Wire>> {
    let lost = |error| unreachable(settings, error);
    stream.write_all(&TLS_REQUEST).await.map_err(lost)?;
    if stream.read_u8().await.map_err(lost)? != b'S' {
        return Err(no_tls(settings, io::Error::other("the server has none")));
    }
    let mut connector = tls::connector(settings)?;
    let handshake = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connector, &settings.host);
    let handshake = handshake.map_err(|error| no_tls(settings, io::Error::other(error)))?;
    let secured = handshake.connect(stream).await;
    Ok(Box::new(secured.map_err(|error| no_tls(settings, error))?))
}

fn unreachable(settings: &ServerSettings, error: io::Error) -> Error {
    Error::new(
        ErrorKind::SourceUnreachable,
        format!("{}: the server cannot be reached", settings.address()),
    )
    .because(error)
    .hint("check host and port, and that the server runs")
}

fn no_tls(settings: &ServerSettings, error: io::Error) -> Error {
    Error::new(
        ErrorKind::SourceFailed,
        format!("{}: TLS with the server failed", settings.address()),
    )
    .because(error)
    .hint("check sslmode and sslrootcert; the certificate must name the host under verify-full")
}
