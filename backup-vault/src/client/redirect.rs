//! The one redirect that is followed: of a standby to its leader.

use super::address::Address;
use reqwest::{Response, Url, header::LOCATION};

/// Whether an answer sends the caller elsewhere.
pub(super) fn is_redirect(response: &Response) -> bool {
    response.status().is_redirection()
}

/// The server that a redirect of `from` names for a request of `path`.
///
/// A token goes with the request, so that only the same request at another server is followed, and never from an encrypted line to an open one.
pub(super) fn target(response: &Response, from: &Address, path: &str) -> Result<Address, String> {
    if !matches!(response.status().as_u16(), 307 | 308) {
        return Err(format!(
            "HTTP {} would make another request of it",
            response.status().as_u16()
        ));
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or("it does not say where to")?;
    checked(from, path, location)
}

fn checked(from: &Address, path: &str, location: &str) -> Result<Address, String> {
    let url = from
        .url(path)
        .join(location)
        .map_err(|_| "it does not lead to an address")?;
    let wanted = format!("/v1/{path}");
    let base = url.path().strip_suffix(&wanted).ok_or("it leads to another path")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it adds a query".into());
    }
    let to = address(&url, base)?;
    if from.is_encrypted() && !to.is_encrypted() {
        return Err(format!("{to} is not encrypted, and this line is"));
    }
    Ok(to)
}

fn address(url: &Url, base: &str) -> Result<Address, String> {
    Address::of_url(url, base).ok_or_else(|| "it does not lead to an HTTP address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "sys/storage/raft/snapshot";

    fn follow(from: &str, location: &str) -> Result<String, String> {
        checked(&Address::parse(from).unwrap(), PATH, location).map(|to| to.to_string())
    }

    #[test]
    fn the_same_request_at_another_server_is_followed() {
        let to = |from: &str, location: &str| follow(from, location).unwrap();
        let path = "/v1/sys/storage/raft/snapshot";
        assert_eq!(to("https://a:8200", &format!("https://b:8200{path}")), "https://b:8200");
        assert_eq!(to("http://a:8200", &format!("https://b{path}")), "https://b");
        assert_eq!(
            to("http://a:8200/x", &format!("http://[::1]:1/y{path}")),
            "http://[::1]:1/y"
        );
        assert_eq!(to("http://a:8200", path), "http://a:8200");
    }

    #[test]
    fn a_redirect_that_would_give_the_token_away_is_refused() {
        let path = "/v1/sys/storage/raft/snapshot";
        let refused = [
            format!("http://b:8200{path}"),
            format!("https://user:pw@b{path}"),
            format!("ftp://b{path}"),
            format!("https://b{path}?x=1"),
            format!("https://b{path}-force"),
            "https://b/v1/sys/health".into(),
            "https://b/".into(),
            "https://".into(),
        ];
        for location in refused {
            assert!(follow("https://a:8200", &location).is_err(), "{location}");
        }
    }
}
