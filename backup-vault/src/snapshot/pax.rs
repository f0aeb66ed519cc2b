//! Extended tar headers: `length key=value\n`, each length counting its whole record.

use super::flaw::Flaw;

/// The size of the file that follows, if it is in there. Go writes an extended header for a size beyond 8 GiB, and nothing else in it.
pub(super) fn size(mut records: &[u8]) -> Result<Option<u64>, Flaw> {
    let mut size = None;
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ').ok_or(Flaw::Pax)?;
        let length = usize::try_from(decimal(&records[..space])?).map_err(|_| Flaw::Pax)?;
        if length <= space || length > records.len() {
            return Err(Flaw::Pax);
        }
        let (record, rest) = records.split_at(length);
        let value = record[space + 1..]
            .strip_prefix(b"size=")
            .and_then(|value| value.strip_suffix(b"\n"));
        if size.replace(decimal(value.ok_or(Flaw::Pax)?)?).is_some() {
            return Err(Flaw::Pax);
        }
        records = rest;
    }
    Ok(size)
}

/// A decimal number as Go prints it: digits, no sign, no leading zero.
fn decimal(digits: &[u8]) -> Result<u64, Flaw> {
    let text = std::str::from_utf8(digits).map_err(|_| Flaw::Pax)?;
    let plain = text.starts_with(|first: char| first.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(Flaw::Pax)
}
