//! What a verb is given.

use crate::{
    config::{Config, Environment, Settings},
    output::Output,
};
use backup_core::{
    clock::{Clock, Entropy},
    event::EventSink,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Everything a verb may use of its surroundings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// The settings of all programs, typed.
    pub config: Arc<Config>,
    /// All settings with their origins, for those of one component.
    pub settings: Arc<Settings>,
    /// The variables, for [`Environment::store_variables`] and the configuration of a component.
    pub environment: Arc<Environment>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    /// Cancelled by the first SIGINT or SIGTERM.
    pub cancel: CancellationToken,
    /// Where results go.
    pub output: Output,
}
