//! Encryption at rest by the store.

/// Encryption at rest by the store, as requested or as confirmed in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEncryption {
    /// `AES256` (SSE-S3).
    S3,
    /// `aws:kms`, with the key's id or ARN if one was named.
    Kms(Option<String>),
}

impl ServerEncryption {
    /// Whether `answered` is this encryption, which was asked for.
    ///
    /// Stores answer a key's id with its ARN; an alias cannot be compared, the store has resolved it.
    #[must_use]
    pub fn is_satisfied_by(&self, answered: Option<&Self>) -> bool {
        use ServerEncryption::{Kms, S3};
        match (self, answered) {
            (S3, Some(S3)) | (Kms(None), Some(Kms(_))) => true,
            (Kms(Some(asked)), Some(Kms(Some(answered)))) => same_key(asked, answered),
            _ => false,
        }
    }
}

fn same_key(asked: &str, answered: &str) -> bool {
    let name = |id: &str| id.rsplit([':', '/']).next().map(str::to_owned);
    asked == answered || asked.contains("alias/") || name(asked) == name(answered)
}

#[cfg(test)]
mod tests {
    use super::ServerEncryption;

    #[test]
    fn only_the_encryption_that_was_asked_for_satisfies() {
        let kms = |id: &str| ServerEncryption::Kms(Some(id.into()));
        let arn = kms("arn:aws:kms:eu-west-1:1:key/ab-12");
        assert!(kms("ab-12").is_satisfied_by(Some(&arn)));
        assert!(kms("alias/backups").is_satisfied_by(Some(&arn)));
        assert!(kms("test-key").is_satisfied_by(Some(&kms("arn:aws:kms:test-key"))));
        assert!(ServerEncryption::Kms(None).is_satisfied_by(Some(&arn)));
        assert!(!kms("ab-13").is_satisfied_by(Some(&arn)));
        assert!(!kms("ab-12").is_satisfied_by(Some(&ServerEncryption::Kms(None))));
        assert!(!kms("ab-12").is_satisfied_by(Some(&ServerEncryption::S3)));
        assert!(!ServerEncryption::S3.is_satisfied_by(None));
    }
}
