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

/// Whether `answered` is the encryption that was `asked` for.
///
/// Stores answer a key's id with its ARN; an alias cannot be compared, the store has resolved it.
pub(super) fn satisfies(asked: &ServerEncryption, answered: Option<&ServerEncryption>) -> bool {
    use ServerEncryption::{Kms, S3};
    match (asked, answered) {
        (S3, Some(S3)) | (Kms(None), Some(Kms(_))) => true,
        (Kms(Some(asked)), Some(Kms(Some(answered)))) => same_key(asked, answered),
        _ => false,
    }
}

fn same_key(asked: &str, answered: &str) -> bool {
    let name = |id: &str| id.rsplit([':', '/']).next().map(str::to_owned);
    asked == answered || asked.contains("alias/") || name(asked) == name(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_encryption_that_was_asked_for_satisfies() {
        let kms = |id: &str| ServerEncryption::Kms(Some(id.into()));
        let arn = kms("arn:aws:kms:eu-west-1:1:key/ab-12");
        assert!(satisfies(&kms("ab-12"), Some(&arn)));
        assert!(satisfies(&kms("alias/backups"), Some(&arn)));
        assert!(satisfies(&kms("test-key"), Some(&kms("arn:aws:kms:test-key"))));
        assert!(satisfies(&ServerEncryption::Kms(None), Some(&arn)));
        assert!(!satisfies(&kms("ab-13"), Some(&arn)));
        assert!(!satisfies(&kms("ab-12"), Some(&ServerEncryption::Kms(None))));
        assert!(!satisfies(&kms("ab-12"), Some(&ServerEncryption::S3)));
        assert!(!satisfies(&ServerEncryption::S3, None));
    }
}
