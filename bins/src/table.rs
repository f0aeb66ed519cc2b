//! Aligned tables in plain text, and names made safe to show.

use std::fmt;

/// `text` with everything escaped that could move a cursor, hide or reorder what is shown: names come from servers and buckets.
#[must_use]
pub fn safe(text: &str) -> String {
    escaped(text, |_| false)
}

/// Like [`safe`], for text of several lines: line ends and tabs stay.
#[must_use]
pub fn safe_lines(text: &str) -> String {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if keep(character) || !(character.is_control() || is_format(character)) {
            safe.push(character);
        } else {
            safe.extend(character.escape_default());
        }
    }
    safe
}

/// Characters that show nothing themselves and change how others are shown (zero width, direction, tags).
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table; `Display` is aligned lines with two spaces between the columns and none at the end. Holds all of its rows.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a head.
    #[must_use]
    pub fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        Self {
            rows: vec![columns.iter().map(|(name, _)| safe(name)).collect()],
            columns: columns.map(|(_, align)| align).to_vec(),
        }
    }

    /// Adds a row; cells beyond the head's columns are dropped, missing ones stay empty.
    pub fn row<I>(&mut self, cells: I)
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let cells = cells.into_iter().take(self.columns.len());
        self.rows.push(cells.map(|cell| safe(cell.as_ref())).collect());
    }

    /// Whether there is nothing but the head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, align), width) in row.iter().zip(&self.columns).zip(&widths) {
                match align {
                    Align::Left => line.push_str(&format!("{cell:<width$}  ")),
                    Align::Right => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number of bytes for people: `512 B`, `1.5 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = Table::new([("NAME", Align::Left), ("SIZE", Align::Right), ("STATE", Align::Left)]);
        assert!(table.is_empty());
        table.row(["platform_money", "7", "ok"]);
        table.row(["é", "1024", ""]);
        assert_eq!(
            table.to_string(),
            "NAME            SIZE  STATE\nplatform_money     7  ok\né               1024\n"
        );
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_hide_itself() {
        assert_eq!(safe("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\\n");
        assert_eq!(safe("evil\u{202e}txt\u{200b}"), "evil\\u{202e}txt\\u{200b}");
        assert_eq!(safe("Ärzte_日本"), "Ärzte_日本");
        assert_eq!(safe_lines("one\n\ttwo\u{7}"), "one\n\ttwo\\u{7}");
    }
}
