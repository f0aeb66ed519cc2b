//! Each fault is what it says, and nothing else changes.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use backup_tests::{Action, FaultProxy, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// A server that answers each request with its body doubled (without one: with `pong`), and remembers what it saw.
#[derive(Clone, Default)]
struct Echo {
    seen: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    async fn start() -> (Self, FaultProxy) {
        let echo = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = echo.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        (echo, FaultProxy::start(port).await)
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read_message(&mut stream).await {
            self.seen.lock().await.push(request.clone());
            let (head, body) = request.split_once("\r\n\r\n").expect("a head");
            let answer = match body {
                "" => "pong".to_owned(),
                body => body.repeat(2),
            };
            let length = answer.len();
            let answer = if head.starts_with("HEAD") { "" } else { &answer };
            let answer = if head.contains("/chunked") {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n0\r\n\r\n".to_owned()
            } else {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}")
            };
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
    }

    async fn requests(&self) -> usize {
        self.seen.lock().await.len()
    }
}

/// Head and as much body as its length says, read without a buffer beyond it.
async fn read_message(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(text).expect("text");
    let mut body = Vec::new();
    if head.contains("Transfer-Encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            body.push(stream.read_u8().await.ok()?);
        }
    } else if let Some(length) = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")) {
        body.resize(length.parse().expect("a number"), 0);
        stream.read_exact(&mut body).await.ok()?;
    }
    Some(head + &String::from_utf8(body).expect("text"))
}

fn put(path: &str, body: &str) -> String {
    format!(
        "PUT {path} HTTP/1.1\r\nHost: store.example:9000\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: store.example:9000\r\n\r\n")
}

/// What is sent on a connection of its own, without anything after it: everything that comes until the proxy closes it.
async fn send(proxy: &FaultProxy, requests: &str) -> std::io::Result<String> {
    let answered = async {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await?;
        stream.write_all(requests.as_bytes()).await?;
        // A connection that is reset by now cannot be: reading says so.
        stream.shutdown().await.unwrap_or_default();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.map(|_| answers)
    };
    timeout(Duration::from_secs(30), answered)
        .await
        .expect("the proxy closes a connection after its last request")
}

/// A request that stands still: nothing comes for a quarter second after the proxy has it.
async fn send_in_vain(proxy: &FaultProxy, request: &str) {
    let before = proxy.log().len();
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let seen = async {
        while proxy.log().len() == before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), seen).await.expect("the proxy sees it");
    let answer = timeout(Duration::from_millis(250), stream.read(&mut [0; 1])).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn without_a_rule_every_byte_passes_on_one_connection() {
    let (echo, proxy) = Echo::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .expect("connected");
    for body in ["one", "two"] {
        stream.write_all(put("/a//b?x=1", body).as_bytes()).await.expect("sent");
        let answer = read_message(&mut stream).await.expect("an answer");
        assert!(answer.ends_with(&body.repeat(2)), "{answer}");
    }
    assert_eq!(
        echo.seen.lock().await[0],
        put("/a//b?x=1", "one"),
        "the Host header too"
    );
    assert_eq!(proxy.log(), ["PUT /a//b?x=1", "PUT /a//b?x=1"]);
    assert_eq!(proxy.hits(), 0);
}

#[tokio::test]
async fn an_answer_that_ends_early_looks_whole_in_its_own_framing() {
    let (_echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::EndEarly(|whole| whole.len() - 3)).method("GET"));
    proxy.add(Rule::new(Action::EndEarly(|_| 0)).path("/empty"));
    proxy.add(Rule::new(Action::EndEarly(|whole| whole.len())));
    let answer = async |request: String| send(&proxy, &request).await.expect("an answer");
    let chunked = answer(get("/chunked")).await;
    assert!(chunked.ends_with("\r\n\r\n1\r\np\r\n0\r\n\r\n"), "{chunked}");
    let sized = answer(get("/sized")).await;
    assert_eq!(sized, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\np");
    let empty = answer(put("/empty", "abc")).await;
    assert!(empty.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{empty}");
    assert_eq!(proxy.hits(), 3);
    let whole = answer(put("/whole", "abc")).await;
    assert!(whole.ends_with("abcabc") && proxy.hits() == 3, "{whole}");
}

#[tokio::test]
async fn chunked_bodies_expectations_and_head_requests_pass() {
    let (echo, proxy) = Echo::start().await;
    let chunked = "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert!(send(&proxy, chunked).await.expect("an answer").contains("200 OK"));
    assert_eq!(echo.seen.lock().await[0], chunked);
    assert!(
        send(&proxy, &get("/chunked"))
            .await
            .expect("an answer")
            .ends_with("4\r\npong\r\n0\r\n\r\n")
    );

    let expecting = put("/e", "body").replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let answer = send(&proxy, &expecting).await.expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"),
        "{answer}"
    );
    assert_eq!(
        echo.seen.lock().await[2],
        put("/e", "body"),
        "the server is not asked again"
    );

    let head = send(&proxy, &get("/h").replace("GET", "HEAD"))
        .await
        .expect("an answer");
    assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

#[tokio::test]
async fn a_status_is_answered_without_the_server_and_the_connection_stays() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Status(503)).method("PUT").up_to(1));
    let answer = send(&proxy, &(put("/a", "body") + &get("/b")))
        .await
        .expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("<Code>SlowDown</Code>"), "{answer}");
    assert!(answer.ends_with("pong"), "{answer}");
    assert_eq!(echo.requests().await, 1);
    let head = send(&proxy, "HEAD /x HTTP/1.1\r\n\r\n").await.expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(proxy.hits(), 1);
}

#[tokio::test]
async fn rules_match_method_path_and_count() {
    let (_, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Status(500)).method("GET").path("manifests").nth(2));
    let mut statuses = vec![];
    for request in [
        get("/manifests/1"),
        put("/manifests/2", ""),
        get("/data"),
        get("/manifests/3"),
        get("/manifests/4"),
    ] {
        statuses.push(send(&proxy, &request).await.expect("an answer")[9..12].to_owned());
    }
    assert_eq!(statuses, ["200", "200", "200", "500", "200"]);
    proxy.add(Rule::new(Action::Status(403)));
    proxy.clear();
    assert!(
        send(&proxy, &get("/"))
            .await
            .expect("an answer")
            .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn cut_sends_half_of_the_body_and_closes() {
    let (_, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Cut));
    let answer = send(&proxy, &put("/a", "abcd")).await.expect("an answer");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcd");
    assert_eq!(proxy.hits(), 1);
}

#[tokio::test]
async fn reset_is_a_reset_and_the_server_sees_nothing() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Reset));
    let error = send(&proxy, &get("/a")).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(echo.requests().await, 0);
}

#[tokio::test]
async fn a_lost_answer_was_carried_out() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::AnswerLost));
    assert_eq!(send(&proxy, &put("/a", "body")).await.expect("a clean close"), "");
    assert_eq!(echo.requests().await, 1);
    assert_eq!(proxy.hits(), 1);
}

#[tokio::test]
async fn one_bit_of_the_answer_flips() {
    let (_, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::FlipResponseBit));
    assert!(
        send(&proxy, &put("/a", "ab"))
            .await
            .expect("an answer")
            .ends_with("ab`b")
    );
    // `n` becomes `o`; the chunk sizes stay.
    assert!(
        send(&proxy, &get("/chunked"))
            .await
            .expect("an answer")
            .ends_with("4\r\npoog\r\n0\r\n\r\n")
    );
    assert_eq!(proxy.hits(), 2);
    assert!(
        send(&proxy, "HEAD /h HTTP/1.1\r\n\r\n")
            .await
            .expect("an answer")
            .contains("200 OK")
    );
    assert_eq!(proxy.hits(), 2, "an answer without a body has no bit to flip");
}

#[tokio::test]
async fn one_bit_of_the_request_flips() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::FlipRequestBit));
    send(&proxy, &put("/a", "abc")).await.expect("an answer");
    assert_eq!(echo.seen.lock().await[0], put("/a", "acc"));
}

#[tokio::test]
async fn a_stalled_request_reaches_the_server_later() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Stall(Duration::from_secs(3600))));
    send_in_vain(&proxy, &get("/a")).await;
    assert_eq!(echo.requests().await, 0);
    assert_eq!(proxy.hits(), 1);
}

#[tokio::test]
async fn slow_bodies_pass_in_small_pieces_in_both_directions() {
    let (echo, proxy) = Echo::start().await;
    proxy.add(Rule::new(Action::Slow(1)));
    // One byte a second: the server sees the request after a minute, and the last byte of four comes three seconds after the first.
    send_in_vain(&proxy, &put("/a", &"x".repeat(60))).await;
    assert_eq!(echo.requests().await, 0);
    let began = Instant::now();
    let answer = send(&proxy, &get("/a")).await.expect("an answer");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong");
    assert!(began.elapsed() >= Duration::from_secs(3));
    proxy.clear();
    proxy.add(Rule::new(Action::Slow(1000)));
    let whole = send(&proxy, &put("/a", &"x".repeat(100))).await.expect("an answer");
    assert!(whole.ends_with(&"x".repeat(200)), "{whole}");
    assert_eq!(proxy.hits(), 2, "one was still being read");
}

#[tokio::test]
async fn dropping_the_proxy_cuts_its_connections() {
    let (_, proxy) = Echo::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .expect("connected");
    stream.write_all(get("/a").as_bytes()).await.expect("sent");
    read_message(&mut stream).await.expect("an answer");
    drop(proxy);
    assert_eq!(stream.read(&mut [0; 1]).await.expect("closed"), 0);
}
