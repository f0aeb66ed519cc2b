//! Opening an S3 bucket.

use super::{
    ListOrder, Location, ServerEncryption, StoreConfig,
    adapter::{Adapter, Backend, BucketAddress, IDLE, Listing, S3Requests, WatchingConnector},
    aws_options::CA_BUNDLE,
    connect::{client_options, no_retry, with_options, wrong_store},
};
use crate::{Error, ErrorKind, Result};
use object_store::{
    Certificate, ClientOptions,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    client::HttpConnector,
};
use std::sync::Arc;

const REGION: &str = "us-east-1";

/// Buckets are addressed by path (`https://endpoint/bucket`), which every S3 server understands.
pub(super) fn open(config: &StoreConfig, mut location: Location) -> Result<Adapter> {
    let endpoint = option(config, "aws_endpoint_url_s3").or_else(|| option(config, "aws_endpoint_url"));
    let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
    check_endpoint(endpoint.as_deref())?;
    check_credentials(config)?;
    let region = option(config, "aws_region").unwrap_or(REGION).to_owned();
    let host = endpoint
        .clone()
        .unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    location.endpoint.clone_from(&endpoint);

    let options = options(config, endpoint.as_deref())?;
    let store = builder(config, &location, &region, options.clone())?
        .build()
        .map_err(|error| wrong_store(&location, error))?;
    let client = WatchingConnector { idle: IDLE }
        .connect(&options)
        .map_err(|error| wrong_store(&location, error))?;
    let at = BucketAddress {
        region,
        address: format!("{host}/{}", location.bucket),
        root: location.prefix.clone(),
    };
    let requests = S3Requests::new(client, store.credentials().clone(), at);
    let store = Arc::new(store);
    Ok(Adapter::new(Backend {
        objects: store.clone(),
        parts: Some(store),
        listing: Listing::S3(requests),
        // SeaweedFS walks its tree; who else is behind an endpoint nobody knows.
        order: if endpoint.is_some() {
            ListOrder::None
        } else {
            ListOrder::Bytes
        },
        location,
        encryption: config.encryption.clone(),
        copy_part: config.copy_part,
    }))
}

fn builder(config: &StoreConfig, location: &Location, region: &str, options: ClientOptions) -> Result<AmazonS3Builder> {
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&location.bucket)
        .with_region(region)
        .with_retry(no_retry())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_http_connector(WatchingConnector { idle: IDLE });
    let asked = encryption(config.encryption.as_ref());
    let given = config
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let all = given
        .filter(|(name, _)| *name != CA_BUNDLE)
        .chain(asked.iter().map(|(name, value)| (*name, value.as_str())));
    let set = |builder: AmazonS3Builder, name: AmazonS3ConfigKey, value| builder.with_config(name, value);
    Ok(with_options(builder, all, set)?.with_client_options(options))
}

fn encryption(asked: Option<&ServerEncryption>) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    match asked {
        Some(ServerEncryption::S3) => options.push(("aws_server_side_encryption", "AES256".to_owned())),
        Some(ServerEncryption::Kms(key)) => {
            options.push(("aws_server_side_encryption", "aws:kms".to_owned()));
            options.extend(key.clone().map(|key| ("aws_sse_kms_key_id", key)));
        }
        None => {}
    }
    options
}

fn options(config: &StoreConfig, endpoint: Option<&str>) -> Result<ClientOptions> {
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut options = client_options().with_allow_http(plain);
    if let Some(path) = option(config, CA_BUNDLE) {
        let failed = || {
            Error::new(
                ErrorKind::Config,
                format!("cannot read the certificates in '{path}' (AWS_CA_BUNDLE)"),
            )
        };
        let pem = std::fs::read(path).map_err(|error| failed().because(error))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| failed().because(error))?;
        for certificate in certificates {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

fn check_endpoint(endpoint: Option<&str>) -> Result<()> {
    let Some(endpoint) = endpoint else {
        return Ok(());
    };
    let host = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '@', '?', '#']) => Ok(()),
        // The address is not shown: it may hold a password.
        _ => Err(
            Error::new(ErrorKind::Config, "the endpoint is not the address of a server").hint(
                "AWS_ENDPOINT_URL looks like http://seaweedfs:8333 or https://host, without path, user or password",
            ),
        ),
    }
}

/// Without this, `object_store` would ask the metadata service of a cloud that may not be there.
fn check_credentials(config: &StoreConfig) -> Result<()> {
    let has = |name| option(config, name).is_some();
    let some = has("aws_access_key_id") && has("aws_secret_access_key")
        || has("aws_web_identity_token_file") && has("aws_role_arn")
        || has("aws_container_credentials_relative_uri")
        || has("aws_container_credentials_full_uri") && has("aws_container_authorization_token_file")
        || has("aws_metadata_endpoint");
    if some {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("no credentials for {}", super::connect::shown(&config.url))).hint(
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (both), or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or a container's credentials; an EC2 instance's own are used only if AWS_EC2_METADATA_SERVICE_ENDPOINT is set (http://169.254.169.254)",
    ))
}

fn option<'a>(config: &'a StoreConfig, name: &str) -> Option<&'a str> {
    let options = config.options.iter().rev();
    options
        .into_iter()
        .find_map(|(option, value)| (option == name).then_some(value.as_str()))
}
