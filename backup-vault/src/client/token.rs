//! The token's own affairs.

use super::{failure::Result, vault::Vault};
use reqwest::Method;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// What a token is. Its text is not among it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenFacts {
    /// A name for it that opens nothing.
    #[serde(default)]
    pub accessor: String,
    /// What it may do.
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    /// Whether it outlives the token that made it.
    #[serde(default)]
    pub orphan: bool,
    /// Whether its life can be prolonged.
    #[serde(default)]
    pub renewable: bool,
    /// How long it lives from now, in seconds; 0 for ever, if `expire_time` is missing.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    expire_time: Option<String>,
    /// Seconds of each period of a periodic token.
    #[serde(default)]
    period: u64,
    /// Seconds after which it ends whatever happens; 0 for never.
    #[serde(default)]
    pub explicit_max_ttl: u64,
    /// `service` or `batch`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// How often it can be used from now, below 0 if the question was its last use; 0 for any number.
    #[serde(default)]
    num_uses: i64,
}

impl TokenFacts {
    /// How long it lives from now; `None` for ever.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        (self.ttl > 0 || self.expire_time.is_some()).then(|| Duration::from_secs(self.ttl))
    }

    /// How far each renewal carries it; `None` unless it is periodic.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        (self.period > 0).then(|| Duration::from_secs(self.period))
    }

    /// How often it can be used from now; `None` for any number. The question was a use itself.
    #[must_use]
    pub fn uses_left(&self) -> Option<u64> {
        (self.num_uses != 0).then(|| u64::try_from(self.num_uses).unwrap_or(0))
    }

    /// Everything that it may do, by name.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.policies
            .iter()
            .chain(&self.identity_policies)
            .flatten()
            .map(String::as_str)
    }

    /// Whether it may do everything.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.policies().any(|policy| policy == "root")
    }
}

/// How long a token lives after a renewal or a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct TokenLease {
    lease_duration: u64,
    /// Whether its life can be prolonged.
    #[serde(default)]
    pub renewable: bool,
}

impl TokenLease {
    /// How long it lives from now.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.lease_duration)
    }
}

/// Every path that the policies of a token name, as `sys/internal/ui/resultant-acl` tells it. Those with a `+` in them are not among it.
#[derive(Deserialize)]
struct Policies {
    #[serde(default)]
    root: bool,
    #[serde(default)]
    exact_paths: BTreeMap<String, Rights>,
    #[serde(default)]
    glob_paths: BTreeMap<String, Rights>,
}

#[derive(Deserialize)]
struct Rights {
    capabilities: Vec<String>,
}

impl Rights {
    fn any(&self) -> bool {
        self.capabilities.iter().any(|right| right != "deny")
    }
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Auth {
    auth: TokenLease,
}

impl Vault {
    /// What the token is.
    ///
    /// # Errors
    /// `TokenInvalid` if it has expired or was revoked; `Forbidden` if it lacks the policy `default`.
    pub async fn token(&self) -> Result<TokenFacts> {
        let request = self.request(Method::GET, "auth/token/lookup-self", "look the token up");
        Ok(self.json::<Data<TokenFacts>>(&request).await?.data)
    }

    /// Prolongs the life of the token as far as it goes. May be repeated.
    ///
    /// # Errors
    /// Batch tokens and others that are not renewable are refused by Vault.
    pub async fn renew_token(&self) -> Result<TokenLease> {
        let mut request = self.request(Method::POST, "auth/token/renew-self", "renew the token");
        request.body = Some(b"{}");
        Ok(self.json::<Auth>(&request).await?.auth)
    }

    /// Ends the life of the token.
    ///
    /// # Errors
    /// Batch tokens cannot be revoked.
    pub async fn revoke_token(&self) -> Result<()> {
        let mut request = self.request(Method::POST, "auth/token/revoke-self", "revoke the token");
        request.body = Some(b"{}");
        let doing = self.endpoint.doing(request.doing);
        self.answer(&request).await?.good(&doing).map(drop)
    }

    /// What the token may do at each of `paths`: `read`, `update`, `root`, `deny`, …
    ///
    /// # Errors
    /// `Forbidden` if it lacks the policy `default`.
    pub async fn capabilities(&self, paths: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
        let body = serde_json::json!({ "paths": paths }).to_string();
        let mut request = self.request(Method::POST, "sys/capabilities-self", "ask what the token may do");
        request.body = Some(body.as_bytes());
        let answer: Data<BTreeMap<String, serde_json::Value>> = self.json(&request).await?;
        let of = |path: &str| {
            let listed = answer.data.get(path).and_then(serde_json::Value::as_array);
            let words = listed.into_iter().flatten().filter_map(serde_json::Value::as_str);
            words.map(str::to_owned).collect()
        };
        Ok(paths.iter().map(|path| ((*path).to_owned(), of(path))).collect())
    }

    /// The paths where the policies of the token allow anything, as a policy has them: `*` at the end for all that begin so. Paths with a `+` are
    /// not told; those that the policy `default` names are left out.
    ///
    /// # Errors
    /// `Forbidden` if it lacks the policy `default`.
    pub async fn rights_beside_default(&self) -> Result<Vec<String>> {
        let request = self.request(
            Method::GET,
            "sys/internal/ui/resultant-acl",
            "ask what the token may do",
        );
        let told = self.json::<Data<Policies>>(&request).await?.data;
        if told.root {
            return Ok(vec!["*".into()]);
        }
        let of = |paths: BTreeMap<String, Rights>, end: &'static str| {
            let allowed = paths.into_iter().filter(|(_, rights)| rights.any());
            allowed.map(move |(path, _)| path + end)
        };
        let all = of(told.exact_paths, "").chain(of(told.glob_paths, "*"));
        Ok(all.filter(|path| !is_of_default(path)).collect())
    }
}

/// Whether the policy `default` of Vault 1.19 names the path: the token's own affairs, and nothing that others could miss.
fn is_of_default(path: &str) -> bool {
    const OWN: [&str; 15] = [
        "auth/token/lookup-self",
        "auth/token/renew-self",
        "auth/token/revoke-self",
        "cubbyhole/*",
        "sys/capabilities-self",
        "sys/control-group/request",
        "sys/internal/ui/resultant-acl",
        "sys/leases/lookup",
        "sys/leases/renew",
        "sys/renew",
        "sys/tools/hash",
        "sys/tools/hash/*",
        "sys/wrapping/lookup",
        "sys/wrapping/unwrap",
        "sys/wrapping/wrap",
    ];
    let of_entity = ["identity/entity/id/", "identity/entity/name/"];
    OWN.contains(&path)
        || of_entity
            .iter()
            .any(|own| path.starts_with(own) && !path.ends_with('*'))
}
