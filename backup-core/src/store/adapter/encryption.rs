//! What the store says about its encryption.

use crate::store::ServerEncryption;
use http::HeaderMap;

const ENCRYPTION: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// The headers of the answer, which the connector puts beside what `object_store` returns.
#[derive(Debug, Clone)]
pub(super) struct AnswerHeaders(pub(super) HeaderMap);

/// The encryption that an answer confirms.
pub(super) fn confirmed(extensions: &http::Extensions) -> Option<ServerEncryption> {
    let AnswerHeaders(headers) = extensions.get::<AnswerHeaders>()?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text(ENCRYPTION)? {
        "AES256" => Some(ServerEncryption::S3),
        "aws:kms" | "aws:kms:dsse" => Some(ServerEncryption::Kms(text(KMS_KEY).map(str::to_owned))),
        _ => None,
    }
}
