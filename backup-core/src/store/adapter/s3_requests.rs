//! S3 requests that `object_store` does not have or makes too narrow: lists, lists of uploads, the bucket itself, copies of parts.

use super::{
    answer::read,
    failure::{http_error, store_error},
    pages::{Page, paged},
    path::{relative, rooted},
    s3_answers::{Malformed, ObjectPage, UploadPage, copied_part},
};
use crate::store::{Key, ListDepth, ListEntry, ObjectMeta, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload};
use bytes::Bytes;
use futures::{FutureExt, stream::BoxStream};
use http::Method;
use object_store::{
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpRequest, HttpRequestBody},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What need not be encoded in a query (RFC 3986, and SigV4 demands it so).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for a path.
const PATH: &AsciiSet = &QUERY.remove(b'/');
/// A page of a list is at most 1,000 entries (SeaweedFS: as many as asked for).
const PAGE: &str = "1000";
/// 1,000 keys of 1,024 bytes, each byte encoded in three, and what stands around them.
const LONGEST_PAGE: usize = 8 * 1024 * 1024;

/// Signed requests to one bucket. Clones share the connection.
#[derive(Clone)]
pub(in crate::store) struct S3Requests(Arc<Bucket>);

struct Bucket {
    client: HttpClient,
    credentials: AwsCredentialProvider,
    region: String,
    /// Address of the bucket, without a slash at its end.
    address: String,
    root: String,
    seen: AtomicBool,
}

/// Where the bucket is.
pub(in crate::store) struct BucketAddress {
    pub(in crate::store) region: String,
    pub(in crate::store) address: String,
    pub(in crate::store) root: String,
}

/// A range of an object that becomes part `number` (from 1) of an upload.
pub(super) struct PartCopy<'a> {
    pub(super) source: &'a ObjectMeta,
    pub(super) range: Range<u64>,
    pub(super) to: &'a Key,
    pub(super) upload: &'a str,
    pub(super) number: usize,
}

impl S3Requests {
    pub(in crate::store) fn new(client: HttpClient, credentials: AwsCredentialProvider, at: BucketAddress) -> Self {
        Self(Arc::new(Bucket {
            client,
            credentials,
            region: at.region,
            address: at.address,
            root: at.root,
            seen: AtomicBool::new(false),
        }))
    }

    /// Fails with `NoBucket` if the bucket is not there. Asks the store until it was seen once.
    pub(super) async fn see_bucket(&self, key: &Key) -> StoreResult<()> {
        if self.0.seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.send(Method::HEAD, &[], ("head", key)).await {
            // Who may read but not list is told 403: the bucket is there.
            Err(error) if error.kind() == StoreErrorKind::Forbidden => {}
            Err(error) if error.kind() == StoreErrorKind::Changed => {
                return Err(StoreError::new(StoreErrorKind::NoBucket, "head", key));
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        self.0.seen.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn list(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        let (requests, prefix) = (self.clone(), prefix.clone());
        paged(move |token| {
            let (requests, prefix) = (requests.clone(), prefix.clone());
            async move { requests.list_page(&prefix, depth, token).await }.boxed()
        })
    }

    async fn list_page(
        &self,
        prefix: &Key,
        depth: ListDepth,
        token: Option<String>,
    ) -> StoreResult<Page<ListEntry, String>> {
        let full = self.full(prefix);
        let mut query: Vec<(&str, &[u8])> = vec![
            ("encoding-type", b"url"),
            ("list-type", b"2"),
            ("max-keys", PAGE.as_bytes()),
            ("prefix", &full),
        ];
        if depth == ListDepth::Delimited {
            query.push(("delimiter", b"/"));
        }
        if let Some(token) = &token {
            query.push(("continuation-token", token.as_bytes()));
        }
        let document = self.send(Method::GET, &query, ("list", prefix)).await?;
        self.0.seen.store(true, Ordering::Relaxed);
        let page = || -> Result<_, Malformed> {
            let mut page = ObjectPage::parse(&document)?;
            let next = page.next()?;
            let items = page.entries(|key| self.relative(key))?;
            Ok(Page { items, next })
        };
        page().map_err(|error| StoreError::new(StoreErrorKind::Other, "list", prefix).because(error))
    }

    pub(super) fn uploads(&self, prefix: &Key) -> BoxStream<'static, StoreResult<UnfinishedUpload>> {
        let (requests, prefix) = (self.clone(), prefix.clone());
        paged(move |marker| {
            let (requests, prefix) = (requests.clone(), prefix.clone());
            async move { requests.upload_page(&prefix, marker).await }.boxed()
        })
    }

    async fn upload_page(
        &self,
        prefix: &Key,
        marker: Option<(Vec<u8>, String)>,
    ) -> StoreResult<Page<UnfinishedUpload, (Vec<u8>, String)>> {
        let full = self.full(prefix);
        // Not url-encoded: SeaweedFS says that it encodes these keys, and does not.
        let mut query: Vec<(&str, &[u8])> = vec![("max-uploads", PAGE.as_bytes()), ("prefix", &full), ("uploads", b"")];
        if let Some((key, id)) = &marker {
            query.extend([("key-marker", key.as_slice()), ("upload-id-marker", id.as_bytes())]);
        }
        let document = self.send(Method::GET, &query, ("list uploads", prefix)).await?;
        let page = || -> Result<_, Malformed> {
            let page = UploadPage::parse(&document)?;
            let next = page.next()?;
            let upload = |found: super::s3_answers::FoundUpload| -> Result<_, Malformed> {
                Ok(UnfinishedUpload {
                    key: self.relative(&found.key)?,
                    id: found.id,
                    initiated: found.initiated,
                })
            };
            let items = page.uploads().into_iter().map(upload).collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        };
        page().map_err(|error| StoreError::new(StoreErrorKind::Other, "list uploads", prefix).because(error))
    }

    /// Copies a part inside the store, if the source still is the version that was looked at, and gives its tag.
    pub(super) async fn copy_part(&self, part: PartCopy<'_>) -> StoreResult<String> {
        let wrong = |error: Malformed| StoreError::new(StoreErrorKind::Other, "copy", part.to).because(error);
        let number = part.number.to_string();
        let query = [("partNumber", number.as_bytes()), ("uploadId", part.upload.as_bytes())];
        let bucket = self.0.address.rsplit('/').next().unwrap_or_default();
        let mut request = http::Request::builder()
            .method(Method::PUT)
            .uri(self.uri(&self.path(part.to), &query))
            .header("x-amz-copy-source", format!("/{bucket}/{}", self.path(&part.source.key)))
            // Both ends are part of it.
            .header("x-amz-copy-source-range", format!("bytes={}-{}", part.range.start, part.range.end - 1));
        if let Some(tag) = &part.source.etag {
            request = request.header("x-amz-copy-source-if-match", &tag.0);
        }
        let document = self.send_request(request, ("copy", part.to)).await?;
        copied_part(&document).map_err(wrong)
    }

    fn path(&self, key: &Key) -> String {
        percent_encode(&self.full(key), PATH).to_string()
    }

    /// The address of `path` in the bucket, or of the bucket itself.
    fn uri(&self, path: &str, query: &[(&str, &[u8])]) -> String {
        let encoded = query
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encode(value, QUERY)));
        let encoded: Vec<String> = encoded.collect();
        let slash = if path.is_empty() { "" } else { "/" };
        let address = format!("{}{slash}{path}?{}", self.0.address, encoded.join("&"));
        address.trim_end_matches('?').to_owned()
    }

    async fn send(&self, method: Method, query: &[(&str, &[u8])], what: (&'static str, &Key)) -> StoreResult<Bytes> {
        let request = http::Request::builder().method(method).uri(self.uri("", query));
        self.send_request(request, what).await
    }

    async fn send_request(
        &self,
        request: http::request::Builder,
        (operation, key): (&'static str, &Key),
    ) -> StoreResult<Bytes> {
        let invalid = |error: http::Error| StoreError::new(StoreErrorKind::Other, operation, key).because(error);
        let mut request = request.body(HttpRequestBody::empty()).map_err(invalid)?;
        self.sign(&mut request, operation, key).await?;
        let failed = |error| http_error(&error, operation, key);
        let answer = self.0.client.execute(request).await.map_err(failed)?;
        read(answer.into_body(), LONGEST_PAGE).await.map_err(failed)
    }

    async fn sign(&self, request: &mut HttpRequest, operation: &'static str, key: &Key) -> StoreResult<()> {
        let failed = |error| store_error(&error, operation, key);
        let credential = self.0.credentials.get_credential().await.map_err(failed)?;
        AwsAuthorizer::new(&credential, "s3", &self.0.region)
            .try_authorize(request, None)
            .map_err(failed)
    }

    fn full(&self, prefix: &Key) -> Vec<u8> {
        let mut full = rooted(&self.0.root, "").into_bytes();
        full.extend_from_slice(prefix.as_bytes());
        full
    }

    fn relative(&self, full: &[u8]) -> Result<Key, Malformed> {
        relative(&self.0.root, full)
            .ok_or_else(|| format!("the store listed {}, which was not asked for", Key::new(full)).into())
    }
}
