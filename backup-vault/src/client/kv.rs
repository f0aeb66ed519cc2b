//! Names of secrets, as `vault kv list` finds them.

use super::{
    failure::{Result, VaultError, VaultErrorKind},
    vault::Vault,
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Mount {
    path: String,
    #[serde(default)]
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
}

impl Vault {
    /// The names under `path` (`secret/platform/iam/`) of a key-value engine of either version; folders end in a slash. Empty if nothing is there.
    ///
    /// # Errors
    /// `Forbidden` without the right to list; `Unexpected` beyond 256 KiB of names.
    pub async fn list_secrets(&self, path: &str) -> Result<Vec<String>> {
        let path = path.trim_start_matches('/');
        let list = Method::from_bytes(b"LIST").map_err(|error| {
            VaultError::new(VaultErrorKind::Unexpected, self.endpoint.doing("list secrets")).because(error)
        })?;
        let listed = listed(&self.mount(path).await?, path);
        let request = self.request(list, &listed, "list secrets");
        let doing = self.endpoint.doing(request.doing);
        let answer = self.answer(&request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        Ok(answer.good(&doing)?.json::<Data<Keys>>(&doing)?.data.keys)
    }

    async fn mount(&self, path: &str) -> Result<Mount> {
        let lookup = format!("sys/internal/ui/mounts/{path}");
        let request = self.request(Method::GET, &lookup, "look up where secrets are mounted");
        Ok(self.json::<Data<Mount>>(&request).await?.data)
    }
}

/// Version 2 keeps names apart from values.
fn listed(mount: &Mount, path: &str) -> String {
    let version = mount.options.as_ref().and_then(|options| options.version.as_deref());
    let within = path.strip_prefix(&mount.path).unwrap_or_default();
    match version {
        Some("2") => format!("{}metadata/{within}", mount.path),
        _ => format!("{}{within}", mount.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_where_each_version_keeps_them() {
        let mount = |version: Option<&str>| Mount {
            path: "secret/".into(),
            options: version.map(|version| Options {
                version: Some(version.into()),
            }),
        };
        let path = "secret/platform/iam/";
        assert_eq!(listed(&mount(Some("2")), path), "secret/metadata/platform/iam/");
        assert_eq!(listed(&mount(Some("1")), path), path);
        assert_eq!(listed(&mount(None), path), path);
        assert_eq!(listed(&mount(Some("2")), "secret"), "secret/metadata/");
    }
}
