//! Listing what is not S3: page by page, or by walking folders.

use super::{
    Adapter, Listing,
    failure::store_error,
    pages::{Page, paged},
    path,
};
use crate::store::{Key, ListDepth, ListEntry, StoreError, StoreErrorKind, StoreResult};
use futures::{
    FutureExt, StreamExt, future,
    stream::{self, BoxStream},
};
use object_store::{
    ListResult,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use std::{borrow::Cow, sync::Arc};

impl Adapter {
    pub(super) fn list_objects(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        match &self.0.listing {
            Listing::S3(requests) => requests.list(prefix, depth),
            Listing::Paged(pages) => self.list_pages(pages.clone(), prefix, depth),
            Listing::Walk => self.walk(prefix, depth),
        }
    }

    fn list_pages(
        &self,
        pages: Arc<dyn PaginatedListStore>,
        prefix: &Key,
        depth: ListDepth,
    ) -> BoxStream<'static, StoreResult<ListEntry>> {
        let (store, prefix) = (self.clone(), prefix.clone());
        paged(move |token| {
            let (store, pages, prefix) = (store.clone(), pages.clone(), prefix.clone());
            async move { store.list_page(&*pages, &prefix, depth, token).await }.boxed()
        })
    }

    async fn list_page(
        &self,
        pages: &dyn PaginatedListStore,
        prefix: &Key,
        depth: ListDepth,
        page_token: Option<String>,
    ) -> StoreResult<Page<ListEntry, String>> {
        let full = path::rooted(self.root(), text(prefix)?);
        let options = PaginatedListOptions {
            delimiter: (depth == ListDepth::Delimited).then_some(Cow::Borrowed("/")),
            page_token,
            ..PaginatedListOptions::default()
        };
        let page = pages
            .list_paginated(Some(&full), options)
            .await
            .map_err(|error| store_error(&error, "list", prefix))?;
        let items = self.entries(page.result).collect::<StoreResult<_>>()?;
        Ok(Page {
            items,
            next: page.page_token,
        })
    }

    /// Folders are walked from the last slash of the prefix, and what does not begin with the rest is left out.
    fn walk(&self, prefix: &Key, depth: ListDepth) -> BoxStream<'static, StoreResult<ListEntry>> {
        let folder = match folder_of(prefix) {
            Ok(folder) => folder,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let (store, wanted) = (self.clone(), prefix.clone());
        let entries = match depth {
            ListDepth::Flat => self.walk_flat(folder, prefix),
            ListDepth::Delimited => stream::once(async move { store.walk_folder(folder, &wanted).await })
                .flat_map(stream::iter)
                .boxed(),
        };
        let wanted = prefix.clone();
        let begins = move |entry: &StoreResult<ListEntry>| match entry {
            Ok(ListEntry::Object(meta)) => meta.key.strip_prefix(&wanted).is_some(),
            Ok(ListEntry::Folder(folder)) => folder.strip_prefix(&wanted).is_some_and(|rest| !rest.is_empty()),
            Err(_) => true,
        };
        entries.filter(move |entry| future::ready(begins(entry))).boxed()
    }

    /// A prefix that ends inside a name is looked for in one folder; only what begins with it is walked.
    fn walk_flat(&self, folder: Option<Path>, prefix: &Key) -> BoxStream<'static, StoreResult<ListEntry>> {
        if prefix.is_root() || prefix.as_bytes().ends_with(b"/") {
            return self.walk_tree(folder, prefix);
        }
        let (store, wanted) = (self.clone(), prefix.clone());
        let beside = {
            let (store, wanted) = (store.clone(), wanted.clone());
            stream::once(async move { store.walk_folder(folder, &wanted).await }).flat_map(stream::iter)
        };
        beside
            .flat_map(move |entry| match entry {
                Ok(ListEntry::Folder(found)) if found.strip_prefix(&wanted).is_none() => stream::empty().boxed(),
                Ok(ListEntry::Folder(found)) => match folder_of(&found) {
                    Ok(folder) => store.walk_tree(folder, &wanted),
                    Err(error) => stream::iter([Err(error)]).boxed(),
                },
                other => stream::iter([other]).boxed(),
            })
            .boxed()
    }

    fn walk_tree(&self, folder: Option<Path>, prefix: &Key) -> BoxStream<'static, StoreResult<ListEntry>> {
        let (store, prefix) = (self.clone(), prefix.clone());
        let found = self.0.objects.list(folder.as_ref());
        found
            .map(move |found| match found {
                Ok(meta) => store.entry(&meta),
                Err(error) => Err(store_error(&error, "list", &prefix)),
            })
            .boxed()
    }

    async fn walk_folder(&self, folder: Option<Path>, prefix: &Key) -> Vec<StoreResult<ListEntry>> {
        match self.0.objects.list_with_delimiter(folder.as_ref()).await {
            Ok(found) => self.entries(found).collect(),
            Err(error) => vec![Err(store_error(&error, "list", prefix))],
        }
    }

    fn entries(&self, found: ListResult) -> impl Iterator<Item = StoreResult<ListEntry>> + '_ {
        let folders = found.common_prefixes.into_iter().map(|folder| {
            let full = format!("{folder}/");
            Ok(ListEntry::Folder(self.relative(full.as_bytes(), "list")?))
        });
        let objects = found.objects.into_iter().map(|meta| self.entry(&meta));
        objects.chain(folders)
    }

    fn entry(&self, meta: &object_store::ObjectMeta) -> StoreResult<ListEntry> {
        let key = self.relative(meta.location.as_ref().as_bytes(), "list")?;
        Ok(ListEntry::Object(self.meta(&key, meta, &http::Extensions::new())?))
    }
}

fn text(prefix: &Key) -> StoreResult<&str> {
    prefix
        .as_str()
        .ok_or_else(|| StoreError::new(StoreErrorKind::InvalidKey, "list", prefix).because("it is not UTF-8"))
}

fn folder_of(prefix: &Key) -> StoreResult<Option<Path>> {
    match text(prefix)?.rsplit_once('/') {
        Some((folder, _)) => path::exact("", &Key::from(folder), "list").map(Some),
        None => Ok(None),
    }
}
