//! The HTTP connection under `object_store`: shows answer headers, keeps error answers whole, and ends what has stalled.

use super::{
    encryption::AnswerHeaders,
    failure::{LONGEST_DOCUMENT, Refusal, is_error_document},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http::{Method, StatusCode};
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
        ReqwestConnector,
    },
};
use std::{fmt, time::Duration};

/// Nothing is heard from a store for so long: it has stalled.
pub(in crate::store) const IDLE: Duration = Duration::from_secs(30);
/// Slower lines than this count as stalled while a body is sent, bytes per second.
const SLOWEST_LINE: u64 = 64 * 1024;
/// Stores take their time to put the parts of a large upload together ("several minutes", AWS).
const LONGEST_COMPLETION: Duration = Duration::from_secs(300);
/// Answers to POST hold at most 1,000 deleted keys.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Makes clients that put [`AnswerHeaders`] into the extensions of every answer.
///
/// A status that is no success becomes an error with a [`Refusal`] in its chain: `object_store` hides status and code otherwise.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct WatchingConnector {
    pub(in crate::store) idle: Duration,
}

impl HttpConnector for WatchingConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connector = ReqwestConnector::default();
        // A read timeout also runs while a body is sent, so that a slow line would fail: clients that write have none.
        Ok(HttpClient::new(WatchingService {
            reading: connector.connect(&options.clone().with_read_timeout(self.idle))?,
            writing: connector.connect(options)?,
            idle: self.idle,
        }))
    }
}

#[derive(Debug)]
struct WatchingService {
    reading: HttpClient,
    writing: HttpClient,
    idle: Duration,
}

#[async_trait]
impl HttpService for WatchingService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let buffered = request.method() == Method::POST || request.headers().contains_key("x-amz-copy-source");
        let patience = self.patience(&request, buffered);
        let answer = match *request.method() {
            Method::PUT | Method::POST => in_time(patience, self.writing.execute(request)).await??,
            _ => self.reading.execute(request).await?,
        };
        let (mut parts, body) = answer.into_parts();
        parts.extensions.insert(AnswerHeaders(parts.headers.clone()));
        if !parts.status.is_success() {
            let body = in_time(self.idle, read(body, LONGEST_DOCUMENT)).await??;
            return Err(refusal(parts.status, &body));
        }
        if !buffered {
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let body = in_time(patience, read(body, LONGEST_ANSWER)).await??;
        if std::str::from_utf8(&body).is_ok_and(is_error_document) {
            return Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, &body));
        }
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl WatchingService {
    fn patience(&self, request: &HttpRequest, buffered: bool) -> Duration {
        let query = request.uri().query().unwrap_or_default();
        let moves_data = request.method() == Method::PUT || query.contains("uploadId");
        if buffered && moves_data {
            LONGEST_COMPLETION
        } else {
            self.idle + transfer_allowance(request.body().content_length())
        }
    }
}

/// How long sending `length` bytes may take on the slowest line that is still of use.
pub(in crate::store) fn transfer_allowance(length: usize) -> Duration {
    Duration::from_secs(u64::try_from(length).unwrap_or(u64::MAX) / SLOWEST_LINE)
}

fn refusal(status: StatusCode, body: &[u8]) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, Refusal::parse(status, body))
}

async fn in_time<F: Future>(patience: Duration, work: F) -> Result<F::Output, HttpError> {
    tokio::time::timeout(patience, work)
        .await
        .map_err(|_| HttpError::new(HttpErrorKind::Timeout, Stalled(patience)))
}

/// Reads a body of at most `limit` bytes; the rest is dropped with the connection.
pub(super) async fn read(body: HttpResponseBody, limit: usize) -> Result<Bytes, HttpError> {
    let mut stream = body.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let room = limit.saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() >= limit {
            break;
        }
    }
    Ok(bytes.into())
}

#[derive(Debug)]
struct Stalled(Duration);

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {} s", self.0.as_secs())
    }
}

impl std::error::Error for Stalled {}
