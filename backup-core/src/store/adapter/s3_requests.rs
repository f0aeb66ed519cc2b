//! S3 requests that `object_store` does not have or makes too narrow: lists, lists of uploads, the bucket itself.

use super::{
    answer::read,
    failure::{http_error, store_error},
    pages::{Page, paged},
    path::{relative, rooted},
    s3_answers::{Malformed, ObjectPage, UploadPage},
};
use crate::store::{Key, ListDepth, ListEntry, StoreError, StoreErrorKind, StoreResult, UnfinishedUpload};
use bytes::Bytes;
use futures::{FutureExt, stream::BoxStream};
use http::Method;
use object_store::{
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpRequest, HttpRequestBody},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What need not be encoded in a query (RFC 3986, and SigV4 demands it so).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
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

    async fn send(
        &self,
        method: Method,
        query: &[(&str, &[u8])],
        (operation, key): (&'static str, &Key),
    ) -> StoreResult<Bytes> {
        let invalid = |error: http::Error| StoreError::new(StoreErrorKind::Other, operation, key).because(error);
        let encoded: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encode(value, QUERY)))
            .collect();
        let address = format!("{}?{}", self.0.address, encoded.join("&"));
        let mut request = http::Request::builder()
            .method(method)
            .uri(address.trim_end_matches('?'))
            .body(HttpRequestBody::empty())
            .map_err(invalid)?;
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
