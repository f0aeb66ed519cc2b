//! Listings page by page.

use crate::store::{Key, Retry, StoreError, StoreErrorKind, StoreResult};
use futures::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use std::collections::VecDeque;

/// One page of a listing, and where the next one begins.
pub(super) struct Page<T, C> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<C>,
}

struct State<T, C, F> {
    fetch: F,
    cursor: Option<C>,
    done: bool,
    ready: VecDeque<T>,
}

/// The items of all pages, one page in memory. After an error that may go away, reading on asks for the same page again.
pub(super) fn paged<T, C, F>(fetch: F) -> BoxStream<'static, StoreResult<T>>
where
    T: Send + 'static,
    C: Clone + PartialEq + Send + 'static,
    F: Fn(Option<C>) -> BoxFuture<'static, StoreResult<Page<T, C>>> + Send + 'static,
{
    let state = State {
        fetch,
        cursor: None,
        done: false,
        ready: VecDeque::new(),
    };
    stream::unfold(state, |mut state| async move {
        let item = state.next().await?;
        Some((item, state))
    })
    .boxed()
}

impl<T, C, F> State<T, C, F>
where
    C: Clone + PartialEq,
    F: Fn(Option<C>) -> BoxFuture<'static, StoreResult<Page<T, C>>>,
{
    async fn next(&mut self) -> Option<StoreResult<T>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(Ok(item));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.turn_page().await {
                self.done = error.retry() != Retry::Maybe;
                return Some(Err(error));
            }
        }
    }

    async fn turn_page(&mut self) -> StoreResult<()> {
        let page = (self.fetch)(self.cursor.clone()).await?;
        if page.next.is_some() && page.next == self.cursor {
            return Err(StoreError::new(StoreErrorKind::Other, "list", &Key::root())
                .because("the store answers one page again and again"));
        }
        self.done = page.next.is_none();
        self.cursor = page.next;
        self.ready = page.items.into();
        Ok(())
    }
}
