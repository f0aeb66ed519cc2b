//! How an error is told: what failed, why, and what to do.

use crate::{config::common::LogFormat, exit::Exit, repeatable::masked, table::safe_lines};
use backup_core::Error;
use serde_json::json;

/// The error as it is written to stderr, with its final line end.
#[must_use]
pub fn render(error: &Error, exit: Exit, format: LogFormat) -> String {
    match format {
        LogFormat::Text => text(error),
        LogFormat::Json => json_line(error, exit),
    }
}

fn text(error: &Error) -> String {
    // Causes hold what servers said: nothing of it may move the cursor.
    let mut text = format!("error: {}\n", safe_lines(masked(&error.chain()).trim_end()));
    for hint in error.hints() {
        text.push_str(&format!("HINT: {}\n", safe_lines(&masked(hint))));
    }
    text
}

fn json_line(error: &Error, exit: Exit) -> String {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(masked(&error.to_string()).into_owned());
        cause = error.source();
    }
    let line = json!({
        "level": "ERROR",
        "message": masked(&error.to_string()),
        "causes": causes,
        "hints": error.hints().iter().map(|hint| masked(hint)).collect::<Vec<_>>(),
        "exit_code": exit.code(),
    });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use backup_core::ErrorKind;

    fn example() -> Error {
        Error::new(ErrorKind::Damaged, "chunk 3 does not\u{1b}[2J open")
            .hint("restore another backup")
            .context("read a.pbe")
    }

    #[test]
    fn people_see_the_chain_in_one_line_then_the_hints() {
        assert_eq!(
            render(&example(), Exit::Damaged, LogFormat::Text),
            "error: read a.pbe: chunk 3 does not\\u{1b}[2J open\nHINT: restore another backup\n"
        );
    }

    #[test]
    fn machines_see_one_object_with_the_exit_code() {
        let line = render(&example(), Exit::Damaged, LogFormat::Json);
        assert_eq!(line.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["message"], "read a.pbe");
        assert_eq!(line["causes"][0], "chunk 3 does not\u{1b}[2J open");
        assert_eq!(line["hints"][0], "restore another backup");
        assert_eq!(line["exit_code"], 10);
    }
}
