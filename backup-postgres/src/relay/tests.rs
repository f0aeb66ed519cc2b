use super::{
    messages::{Messages, Piece, message},
    pump::both_ways,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const SET: &[u8] = b"SET transaction_timeout = 0;\n\0";

/// A start-up message: a length and nothing that is looked at.
fn startup() -> Vec<u8> {
    [&12_u32.to_be_bytes()[..], &[0, 3, 0, 0], b"abcd"].concat()
}

fn query(sql: &[u8]) -> Vec<u8> {
    message(b'Q', sql)
}

/// A relay between a client and a server that are played.
struct Played {
    client: DuplexStream,
    server: DuplexStream,
    relay: tokio::task::JoinHandle<std::io::Result<()>>,
}

fn play() -> Played {
    let (client, near) = duplex(1 << 20);
    let (far, server) = duplex(1 << 20);
    let relay = tokio::spawn(async move { both_ways(near, far, &["transaction_timeout"]).await });
    Played { client, server, relay }
}

impl Played {
    async fn client_says(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.unwrap();
    }

    async fn server_says(&mut self, bytes: &[u8]) {
        self.server.write_all(bytes).await.unwrap();
    }

    async fn server_hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.server.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, bytes);
    }

    async fn client_hears(&mut self, bytes: &[u8]) {
        let mut heard = vec![0; bytes.len()];
        self.client.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, bytes);
    }

    /// Logged in, and ready in the transaction state `state`.
    async fn ready(state: u8) -> Self {
        let mut played = play();
        played.client_says(&startup()).await;
        played.server_hears(&startup()).await;
        let ready = message(b'Z', &[state]);
        played.server_says(&ready).await;
        played.client_hears(&ready).await;
        played
    }
}

#[tokio::test]
async fn the_statement_that_the_server_does_not_know_is_answered_in_its_place_and_nothing_else() {
    for state in *b"IT" {
        let mut played = Played::ready(state).await;
        played.client_says(&query(SET)).await;
        let answer = [message(b'C', b"SET\0"), message(b'Z', &[state])].concat();
        played.client_hears(&answer).await;
        let others: [&[u8]; 6] = [
            b"SET statement_timeout = 0;\n\0",
            b"SET transaction_timeout = 10;\0",
            b"SET transaction_timeout = 0; DROP TABLE t;\0",
            b"BEGIN; SET transaction_timeout = 0;\0",
            b"SET transaction_timeout = 0",
            b"COMMIT\0",
        ];
        for other in others {
            played.client_says(&query(other)).await;
            played.server_hears(&query(other)).await;
            let done = message(b'Z', &[state]);
            played.server_says(&done).await;
            played.client_hears(&done).await;
        }
        drop(played.client);
        played.relay.await.unwrap().unwrap();
        assert_eq!(
            played.server.read(&mut [0]).await.unwrap(),
            0,
            "the server is told nothing more"
        );
    }
}

#[tokio::test]
async fn in_a_failed_transaction_and_behind_another_statement_the_server_itself_answers() {
    let mut failed = Played::ready(b'E').await;
    failed.client_says(&query(SET)).await;
    failed.server_hears(&query(SET)).await;

    let mut busy = Played::ready(b'T').await;
    let two = [query(b"SELECT 1\0"), query(SET)].concat();
    busy.client_says(&two).await;
    busy.server_hears(&two).await;

    let mut new = play();
    let early = [startup(), query(SET)].concat();
    new.client_says(&early).await;
    new.server_hears(&early).await;
}

#[tokio::test]
async fn an_answer_never_comes_into_the_middle_of_a_message_of_the_server() {
    let mut played = Played::ready(b'T').await;
    let notice = message(b'N', &[b'x'; 5000]);
    played.server_says(&notice[..3000]).await;
    played.client_hears(&notice[..3000]).await;
    played.client_says(&query(SET)).await;
    // Whatever else the relay would do, it has had the time for it once this went through in the other direction.
    played.client_says(&message(b'd', b"row")).await;
    played.server_hears(&message(b'd', b"row")).await;
    played.server_says(&notice[3000..]).await;
    played.client_hears(&notice[3000..]).await;
    played.client_hears(&message(b'C', b"SET\0")).await;
}

#[tokio::test]
async fn channel_binding_is_not_offered_where_tls_ends_before_the_client() {
    let mut played = play();
    played.client_says(&startup()).await;
    played.server_hears(&startup()).await;
    let sasl = |ways: &[u8]| message(b'R', &[&10_u32.to_be_bytes()[..], ways].concat());
    played
        .server_says(&sasl(b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
        .await;
    played.client_hears(&sasl(b"SCRAM-SHA-256\0\0")).await;
    for other in [message(b'R', &[0, 0, 0, 12, 1, 2]), message(b'R', &[0, 0, 0, 0])] {
        played.server_says(&other).await;
        played.client_hears(&other).await;
    }
}

#[tokio::test]
async fn when_one_side_is_gone_so_is_the_other() {
    let mut played = Played::ready(b'T').await;
    let half = &query(b"COMMIT\0")[..6];
    played.client_says(half).await;
    drop(played.client);
    let mut heard = Vec::new();
    played.server.read_to_end(&mut heard).await.unwrap();
    assert!(heard.len() <= half.len(), "nothing was made up: {heard:?}");

    let mut played = Played::ready(b'T').await;
    let last = message(b'E', b"SFATAL\0\0");
    played.server_says(&last).await;
    drop(played.server);
    let mut heard = Vec::new();
    played.client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, last);
}

#[tokio::test]
async fn a_message_that_is_shorter_than_its_length_ends_the_connection() {
    let mut played = Played::ready(b'I').await;
    played.client_says(b"Q\0\0\0\x03").await;
    assert!(played.relay.await.unwrap().is_err());
}

async fn all(mut messages: Messages<&[u8]>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut bytes, mut looked_at) = (Vec::new(), Vec::new());
    while let Some(piece) = messages.next().await.unwrap() {
        match piece {
            Piece::Passed(passed) => bytes.extend(passed),
            Piece::Message(message) => {
                bytes.extend(&message);
                looked_at.push(message.to_vec());
            }
        }
    }
    (bytes, looked_at)
}

proptest! {
    #[test]
    fn whatever_is_said_is_passed_on_byte_for_byte(
        sent in prop::collection::vec((prop::sample::select(b"QdcfXp".to_vec()), prop::collection::vec(any::<u8>(), 0..3000)), 0..20),
    ) {
        let messages: Vec<Vec<u8>> = sent.iter().map(|(kind, body)| message(*kind, body)).collect();
        let stream = [startup(), messages.concat()].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (bytes, looked_at) = runtime.block_on(all(Messages::of_client(&stream, b"Q")));
        prop_assert_eq!(bytes, stream);
        let short: Vec<_> = messages.into_iter().filter(|message| message[0] == b'Q' && message.len() <= 1024).collect();
        prop_assert_eq!(looked_at, short);
    }
}
