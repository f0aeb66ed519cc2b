//! A marker in the token's own corner of the storage, which a restore takes away.

use super::{failure::Result, vault::Vault};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

const PATH: &str = "cubbyhole/platform-backup-restore";

/// What became of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// It is there: the state is still the one before.
    There,
    /// It is not there, and the token is: another state is in force.
    Gone,
    /// The token is not known: another state is in force, or the life of the token is over in the one before.
    TokenGone,
}

#[derive(Deserialize)]
struct Data {
    data: Value,
}

#[derive(Deserialize)]
struct Value {
    value: String,
}

impl Vault {
    /// Writes `nonce` where only this token can read it. A healthy answer after a restore proves nothing: the server answers throughout, and
    /// the switch takes seconds. The marker tells the states apart.
    ///
    /// # Errors
    /// Batch tokens have no such place.
    pub(super) async fn write_marker(&self, nonce: &str) -> Result<()> {
        let body = serde_json::json!({ "value": nonce }).to_string();
        let mut request = self.request(Method::POST, PATH, "write a marker");
        request.body = Some(body.as_bytes());
        let doing = self.endpoint.doing(request.doing);
        self.answer(&request).await?.good(&doing).map(drop)
    }

    /// Looks for the marker. One with another nonce came with the restored state.
    ///
    /// # Errors
    /// If the server does not say. A sealed one does not, and neither does a proxy in its place.
    pub(super) async fn marker(&self, nonce: &str) -> Result<Marker> {
        let request = self.request(Method::GET, PATH, "read the marker");
        let doing = self.endpoint.doing(request.doing);
        let answer = self.answer(&request).await?;
        if !answer.status.is_success() {
            return match answer.status {
                StatusCode::NOT_FOUND if answer.is_vaults() => Ok(Marker::Gone),
                StatusCode::FORBIDDEN if answer.is_vaults() => Ok(Marker::TokenGone),
                _ => Err(answer.error(&doing)),
            };
        }
        let same = answer.json::<Data>(&doing)?.data.value == nonce;
        Ok(if same { Marker::There } else { Marker::Gone })
    }
}
