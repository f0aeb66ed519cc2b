//! The variables of the `aws` command that are honoured, and those that are refused.
//!
//! | variable | here |
//! | --- | --- |
//! | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | honoured; before all other credentials |
//! | `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`, `AWS_ROLE_SESSION_NAME`, `AWS_ENDPOINT_URL_STS` | honoured (IRSA); next |
//! | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` | honoured (ECS); next |
//! | `AWS_CONTAINER_CREDENTIALS_FULL_URI` with `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` | honoured (EKS Pod Identity); next |
//! | `AWS_EC2_METADATA_SERVICE_ENDPOINT` | honoured: only if it is set is the instance's metadata service asked (IMDSv2); last |
//! | `AWS_REGION`, `AWS_DEFAULT_REGION` | honoured; the first wins; `us-east-1` without them |
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | honoured; the first wins; `http://` is allowed here and nowhere else |
//! | `AWS_CA_BUNDLE` | honoured: PEM file with the authorities to trust beside the system's |
//! | `AWS_PROFILE`, `AWS_DEFAULT_PROFILE`, `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE` | refused: no profile is read, so neither SSO nor `credential_process` |
//! | `AWS_CONTAINER_AUTHORIZATION_TOKEN` | refused: only the file is honoured |
//! | `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, `AWS_SIGV4A_SIGNING_REGION_SET` | refused unless `false`: they would send requests elsewhere |
//! | all others (`AWS_PAGER`, `AWS_RETRY_MODE`, `AWS_MAX_ATTEMPTS`, …) | do not say where, or as whom: ignored |
//!
//! A variable that is set to nothing counts as not set, as `aws` has it.

use crate::{Error, ErrorKind, Result};

/// Variable and the name of the option that it sets.
const HONOURED: [(&str, &str); 15] = [
    ("AWS_ACCESS_KEY_ID", "aws_access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
    ("AWS_SESSION_TOKEN", "aws_session_token"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "aws_web_identity_token_file"),
    ("AWS_ROLE_ARN", "aws_role_arn"),
    ("AWS_ROLE_SESSION_NAME", "aws_role_session_name"),
    ("AWS_ENDPOINT_URL_STS", "aws_endpoint_url_sts"),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "aws_container_credentials_relative_uri",
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "aws_container_credentials_full_uri",
    ),
    (
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "aws_container_authorization_token_file",
    ),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "aws_metadata_endpoint"),
    ("AWS_REGION", "aws_region"),
    ("AWS_ENDPOINT_URL", "aws_endpoint_url"),
    ("AWS_ENDPOINT_URL_S3", "aws_endpoint_url_s3"),
    ("AWS_CA_BUNDLE", CA_BUNDLE),
];
/// Read by [`connect`](super::connect) itself.
pub(super) const CA_BUNDLE: &str = "aws_ca_bundle";
const PROFILES: [&str; 4] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
];
const ELSEWHERE: [&str; 4] = [
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_SIGV4A_SIGNING_REGION_SET",
];

/// The options of [`StoreConfig`](super::StoreConfig) that these environment variables set; see the table above.
///
/// # Errors
/// `Config`, with a hint, for a variable that the `aws` command honours and this suite does not. The value is not in the error.
pub fn from_environment(vars: impl Iterator<Item = (String, String)>) -> Result<Vec<(String, String)>> {
    let mut options = Vec::new();
    let mut default_region = None;
    for (name, value) in vars.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()) {
        refuse(&name, &value)?;
        if name == "AWS_DEFAULT_REGION" {
            default_region = Some(value);
        } else if let Some((_, option)) = HONOURED.iter().find(|(honoured, _)| *honoured == name) {
            options.push(((*option).to_owned(), value));
        }
    }
    let has_region = options.iter().any(|(option, _)| option == "aws_region");
    let region = default_region.filter(|_| !has_region);
    options.extend(region.map(|region| ("aws_region".to_owned(), region)));
    Ok(options)
}

fn refuse(name: &str, value: &str) -> Result<()> {
    let hint = if PROFILES.contains(&name) {
        "no profile is read: unset it, and give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role (AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE); `aws configure export-credentials --format env` prints a profile's"
    } else if name == "AWS_CONTAINER_AUTHORIZATION_TOKEN" {
        "put the token into a file and name it in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    } else if ELSEWHERE.contains(&name) && !value.eq_ignore_ascii_case("false") {
        "unset it, and name the endpoint itself in AWS_ENDPOINT_URL_S3"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, format!("{name} is set and not supported")).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
        from_environment(vars.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn the_documented_environment_is_honoured() {
        let options = read(&[
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", "http://seaweedfs:8333"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_PAGER", "less"),
            ("HOME", "/root"),
        ]);
        let expected = [
            ("aws_access_key_id", "id"),
            ("aws_secret_access_key", "secret"),
            ("aws_endpoint_url", "http://seaweedfs:8333"),
            ("aws_region", "eu-west-1"),
        ];
        assert_eq!(
            options.unwrap(),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn the_region_wins_over_the_default_region() {
        let options = read(&[("AWS_DEFAULT_REGION", "a"), ("AWS_REGION", "b")]).unwrap();
        assert_eq!(options, [("aws_region".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn what_aws_honours_and_we_do_not_is_refused_with_a_hint() {
        for name in PROFILES
            .iter()
            .chain(&ELSEWHERE)
            .chain(&["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
        {
            let error = read(&[(name, "hush-hush")]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name}");
            assert_eq!(error.hints().len(), 1, "{name}");
            assert!(!format!("{error:?} {:?}", error.hints()).contains("hush"), "{name}");
        }
        assert!(
            read(&[("AWS_USE_FIPS_ENDPOINT", "false"), ("AWS_PROFILE", "")])
                .unwrap()
                .is_empty()
        );
    }
}
