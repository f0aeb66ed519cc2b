//! One connection: requests in, answers out, and what goes wrong between.

use std::io::{ErrorKind, Result};
use std::net::Ipv4Addr;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Shared;
use super::early_end;
use super::http1::{Body, Head, Pace};
use super::rule::Action;

type Connection = BufReader<TcpStream>;

/// Serves one client until either side closes; the server side is opened by the first request that is passed on.
pub(super) async fn serve(client: TcpStream, shared: &Shared) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut server = None;
    while let Some(head) = Head::read(&mut client).await? {
        let fault = shared.fault_for(&head);
        if matches!(fault, Some(Action::Reset)) {
            shared.count_hit();
            // With a linger time of zero, closing sends RST instead of FIN.
            return client.get_ref().set_zero_linger();
        }
        let request = read_request(head, &mut client, fault).await?;
        let open = match fault {
            Some(Action::Status(status)) => refuse(&request, &mut client, status, shared).await?,
            _ => {
                pass_on(
                    request,
                    &mut client,
                    server_of(&mut server, shared).await?,
                    fault,
                    shared,
                )
                .await?
            }
        };
        if !open {
            break;
        }
    }
    Ok(())
}

struct Request {
    head: Head,
    body: Body,
}

/// The proxy itself agrees to `Expect: 100-continue`, so that the server's `100` need not be told from its answer.
async fn read_request(head: Head, client: &mut Connection, fault: Option<Action>) -> Result<Request> {
    if head.says("expect", "100-continue") {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = Body::of_request(&head, client, pace_of(fault)).await?;
    Ok(Request {
        head: head.without("expect"),
        body,
    })
}

async fn server_of<'a>(server: &'a mut Option<Connection>, shared: &Shared) -> Result<&'a mut Connection> {
    let connection = match server.take() {
        Some(connection) => connection,
        None => BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream)).await?),
    };
    Ok(server.insert(connection))
}

fn pace_of(fault: Option<Action>) -> Pace {
    match fault {
        Some(Action::Slow(rate)) => Pace::BytesPerSecond(rate),
        _ => Pace::Full,
    }
}

async fn refuse(request: &Request, client: &mut Connection, status: u16, shared: &Shared) -> Result<bool> {
    let code = match status {
        403 => "AccessDenied",
        404 if request.head.request().contains("uploadId=") => "NoSuchUpload",
        404 => "NoSuchKey",
        503 => "SlowDown",
        507 => "XMinioStorageFull",
        _ => "InternalError",
    };
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>injected</Message></Error>"
    );
    let body = if request.head.request().starts_with("HEAD ") {
        ""
    } else {
        &xml
    };
    let head = format!(
        "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    shared.count_hit();
    client.write_all((head + body).as_bytes()).await?;
    Ok(true)
}

/// Returns whether the connection stays open.
async fn pass_on(
    mut request: Request,
    client: &mut Connection,
    server: &mut Connection,
    fault: Option<Action>,
    shared: &Shared,
) -> Result<bool> {
    match fault {
        Some(Action::Stall(time)) => {
            shared.count_hit();
            sleep(time).await;
        }
        Some(Action::FlipRequestBit) if request.body.flip_middle_bit() => shared.count_hit(),
        _ => {}
    }
    server.write_all(request.head.bytes()).await?;
    server.write_all(request.body.wire()).await?;
    let head = Head::read(server).await?.ok_or(ErrorKind::UnexpectedEof)?;
    let body = if has_body(&request.head, &head) {
        Body::of_answer(&head, server).await?
    } else {
        Body::default()
    };
    answer(&head, body, client, fault, shared).await
}

fn has_body(request: &Head, answer: &Head) -> bool {
    !request.request().starts_with("HEAD ") && !["204", "304"].contains(&answer.status())
}

/// Returns whether the connection stays open.
async fn answer(
    head: &Head,
    mut body: Body,
    client: &mut Connection,
    fault: Option<Action>,
    shared: &Shared,
) -> Result<bool> {
    match fault {
        Some(Action::AnswerLost) => {
            shared.count_hit();
            return Ok(false);
        }
        Some(Action::Cut) => {
            shared.count_hit();
            client.write_all(&half(head, &body)).await?;
            client.shutdown().await?;
            return Ok(false);
        }
        Some(Action::EndEarly(end)) => {
            let early = early_end::message(head, &body, end);
            if early.is_cut {
                shared.count_hit();
            }
            client.write_all(&early.bytes).await?;
            return Ok(!head.says("connection", "close"));
        }
        Some(Action::FlipResponseBit) if body.flip_middle_bit() => shared.count_hit(),
        Some(Action::Slow(_)) => shared.count_hit(),
        _ => {}
    }
    client.write_all(head.bytes()).await?;
    pace_of(fault).write(client, body.wire()).await?;
    Ok(!body.ends_connection() && !head.says("connection", "close"))
}

fn half(head: &Head, body: &Body) -> Vec<u8> {
    match body.wire() {
        [] => head.bytes()[..head.bytes().len() / 2].to_vec(),
        wire => [head.bytes(), &wire[..wire.len() / 2]].concat(),
    }
}
