//! What a program that was run to its end left behind, and demands on it.

use serde_json::Value;

/// What a program left behind.
#[derive(Debug)]
pub struct ProgramOutput {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of its stdout.
    pub stdout: String,
    /// All of its stderr.
    pub stderr: String,
}

impl ProgramOutput {
    /// Takes it as the standard library gives it.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[must_use]
    pub fn of(output: std::process::Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Demands this exit code.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Demands exit code 0.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends_with(0)
    }

    /// Demands that stderr holds each of these texts.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "'{text}' is not in stderr:\n{}\nstdout:\n{}",
                self.stderr,
                self.stdout
            );
        }
        self
    }

    /// Demands that stdout holds each of these texts.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "'{text}' is not in stdout:\n{}\nstderr:\n{}",
                self.stdout,
                self.stderr
            );
        }
        self
    }

    /// The one JSON document on stdout.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The id of the backup that a dump with `--json` made.
    ///
    /// # Panics
    /// If it is not so.
    #[track_caller]
    pub fn id(&self) -> String {
        let json = self.json();
        let id = json["id"].as_str();
        id.unwrap_or_else(|| panic!("no id in {json}")).to_owned()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| panic!("the program wrote {error}"))
}
