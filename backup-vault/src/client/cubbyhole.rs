//! A marker in the token's own corner of the storage, which a restore takes away.

use super::{
    failure::{Result, VaultErrorKind},
    vault::Vault,
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

const PATH: &str = "cubbyhole/platform-backup-restore";

/// What became of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// It is there: the state is still the one before.
    There,
    /// It, or the token, is no longer there: another state is in force.
    Gone,
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
    pub async fn write_marker(&self, nonce: &str) -> Result<()> {
        let body = serde_json::json!({ "value": nonce }).to_string();
        let mut request = self.request(Method::POST, PATH, "write a marker");
        request.body = Some(body.as_bytes());
        let doing = self.endpoint.doing(request.doing);
        self.answer(&request).await?.good(&doing).map(drop)
    }

    /// Looks for the marker. One with another nonce came with the restored state.
    ///
    /// # Errors
    /// If the server does not say. A sealed one does not.
    pub async fn marker(&self, nonce: &str) -> Result<Marker> {
        let request = self.request(Method::GET, PATH, "read the marker");
        let doing = self.endpoint.doing(request.doing);
        let answer = self.answer(&request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Marker::Gone);
        }
        if !answer.status.is_success() {
            let error = answer.error(&doing);
            let unknown = matches!(error.kind(), VaultErrorKind::TokenInvalid | VaultErrorKind::Forbidden);
            return if unknown { Ok(Marker::Gone) } else { Err(error) };
        }
        let same = answer.json::<Data>(&doing)?.data.value == nonce;
        Ok(if same { Marker::There } else { Marker::Gone })
    }
}
