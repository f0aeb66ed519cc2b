//! S3's lists as XML.

use crate::store::{ETag, Key, ListEntry, ObjectMeta};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// What may be wrong with a list.
pub(super) type Malformed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectPage {
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    last_modified: Timestamp,
    #[serde(rename = "ETag")]
    e_tag: Option<String>,
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UploadPage {
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
    encoding_type: Option<String>,
    #[serde(default)]
    upload: Vec<UploadLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadLine {
    key: String,
    upload_id: String,
    initiated: Option<Timestamp>,
}

#[derive(Deserialize)]
struct CopiedPart {
    #[serde(rename = "ETag")]
    e_tag: String,
}

/// The tag of a part that was copied.
pub(super) fn copied_part(document: &[u8]) -> Result<String, Malformed> {
    parse::<CopiedPart>(document, "CopyPartResult").map(|part| part.e_tag)
}

/// An unfinished upload, under its full key.
pub(super) struct FoundUpload {
    pub(super) key: Vec<u8>,
    pub(super) id: String,
    pub(super) initiated: Option<Timestamp>,
}

/// Anything but a list is an error: an error document or a proxy's page with status 200 must not pass for an empty folder.
fn parse<T: serde::de::DeserializeOwned>(document: &[u8], root: &str) -> Result<T, Malformed> {
    let text = std::str::from_utf8(document)?;
    match root_of(text) {
        Some(name) if name == root => Ok(quick_xml::de::from_str(text)?),
        _ => Err(format!("the answer is no {root}").into()),
    }
}

/// The name of the root element, after declaration and comments.
fn root_of(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while let Some(special) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!")) {
        rest = special.split_once('>')?.1.trim_start();
    }
    rest.strip_prefix('<')?
        .split(|end: char| end == '>' || end == '/' || end.is_whitespace())
        .next()
}

impl ObjectPage {
    pub(super) fn parse(document: &[u8]) -> Result<Self, Malformed> {
        parse(document, "ListBucketResult")
    }

    /// The token of the next page, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<String>, Malformed> {
        if !self.is_truncated {
            return Ok(None);
        }
        match self.next_continuation_token.take() {
            Some(token) if !token.is_empty() => Ok(Some(token)),
            _ => Err("the store cut the list and does not say where it goes on".into()),
        }
    }

    /// The entries, each key passed through `relative`.
    pub(super) fn entries(
        self,
        relative: impl Fn(&[u8]) -> Result<Key, Malformed>,
    ) -> Result<Vec<ListEntry>, Malformed> {
        let encoding = self.encoding_type;
        let objects = self.contents.into_iter().map(|line| {
            Ok(ListEntry::Object(ObjectMeta {
                key: relative(&decoded(&line.key, encoding.as_deref()))?,
                length: line.size,
                modified: line.last_modified,
                etag: line.e_tag.map(ETag),
                encryption: None,
            }))
        });
        let folders = self.common_prefixes.into_iter().map(|line| {
            let key = relative(&decoded(&line.prefix, encoding.as_deref()))?;
            Ok(ListEntry::Folder(key))
        });
        objects.chain(folders).collect()
    }
}

impl UploadPage {
    pub(super) fn parse(document: &[u8]) -> Result<Self, Malformed> {
        parse(document, "ListMultipartUploadsResult")
    }

    /// The key and upload id after which the next page begins, if there is one.
    pub(super) fn next(&self) -> Result<Option<(Vec<u8>, String)>, Malformed> {
        if !self.is_truncated {
            return Ok(None);
        }
        match &self.next_key_marker {
            Some(key) if !key.is_empty() => Ok(Some((
                decoded(key, self.encoding_type.as_deref()),
                self.next_upload_id_marker.clone().unwrap_or_default(),
            ))),
            _ => Err("the store cut the list of uploads and does not say where it goes on".into()),
        }
    }

    pub(super) fn uploads(self) -> Vec<FoundUpload> {
        let encoding = self.encoding_type;
        let lines = self.upload.into_iter();
        lines
            .map(|line| FoundUpload {
                key: decoded(&line.key, encoding.as_deref()),
                id: line.upload_id,
                initiated: line.initiated,
            })
            .collect()
    }
}

/// A key of a list: form-encoded if the answer says so (XML cannot hold every character that a key can).
fn decoded(text: &str, encoding: Option<&str>) -> Vec<u8> {
    match encoding {
        Some("url") => percent_decode_str(&text.replace('+', " ")).collect(),
        _ => text.as_bytes().to_vec(),
    }
}

/// Reads an answer to everything that is asked of S3, and forgets it. For fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn read_s3_answer(document: &[u8]) {
    let relative = |key: &[u8]| super::relative("root", key).ok_or_else(|| Malformed::from("outside"));
    if let Ok(mut page) = ObjectPage::parse(document) {
        drop((page.next(), page.entries(relative)));
    }
    if let Ok(page) = UploadPage::parse(document) {
        drop((page.next(), page.uploads()));
    }
    drop(copied_part(document));
    let refusal = super::failure::Refusal::parse(http::StatusCode::OK, document);
    assert!(refusal.to_string().len() < 16 * super::failure::LONGEST_DOCUMENT);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount>
        <IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><EncodingType>url</EncodingType>
        <Contents><Key>a%2F%2Fb+c%2B%01</Key><LastModified>2026-11-22T21:14:33.123Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>
        <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>
        <Contents><Key>z</Key><LastModified>2026-11-22T21:14:33Z</LastModified><Size>0</Size><StorageClass>STANDARD</StorageClass></Contents>
        </ListBucketResult>"#;

    #[test]
    fn keys_that_no_url_could_hold_are_listed_as_they_are() {
        let mut page = ObjectPage::parse(LIST.as_bytes()).unwrap();
        assert_eq!(page.next().unwrap().as_deref(), Some("t"));
        let entries = page.entries(|key| Ok(Key::new(key))).unwrap();
        let [
            ListEntry::Object(first),
            ListEntry::Object(second),
            ListEntry::Folder(folder),
        ] = &entries[..]
        else {
            panic!("{entries:?}");
        };
        assert_eq!(first.key, Key::from("a//b c+\u{1}"));
        assert_eq!(first.etag, Some(ETag("\"e\"".into())));
        assert_eq!((&second.key, second.length), (&Key::from("z"), 0));
        assert_eq!(folder, &Key::from("p/"));
    }

    #[test]
    fn an_answer_that_is_no_list_is_not_an_empty_folder() {
        for other in [
            "<Error><Code>SlowDown</Code></Error>",
            "<html><body/></html>",
            "<ListBucketResult></ListBucketResult>",
            "",
        ] {
            assert!(ObjectPage::parse(other.as_bytes()).is_err(), "{other}");
            assert!(UploadPage::parse(other.as_bytes()).is_err(), "{other}");
        }
        let empty = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"x\"><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert!(ObjectPage::parse(empty.as_bytes()).is_ok());
    }

    #[test]
    fn a_cut_list_that_does_not_go_on_is_an_error() {
        let list = LIST.replace("<NextContinuationToken>t</NextContinuationToken>", "");
        assert!(ObjectPage::parse(list.as_bytes()).unwrap().next().is_err());
        assert!(ObjectPage::parse(&LIST.as_bytes()[..200]).is_err());
    }
}
