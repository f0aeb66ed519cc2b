//! What a setting and a program are.

/// What a setting may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is never shown, never a flag, and never in clear in the configuration file.
    Secret,
    /// A path of this machine.
    Path,
    /// A path of a folder of this machine.
    Folder,
    /// A whole number between these two.
    Number(u64, u64),
    /// A number of bytes, as `128MiB`.
    Bytes,
    /// A time span, as `90s` or `5m`.
    Duration,
    /// Yes or no.
    Bool,
    /// Several texts. In the environment separated by white space or commas; a list that is given may not be empty.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Encryption by the store: `aws:kms`, `aws:kms:KEYID` or `AES256`.
    Sse,
}

/// One setting: the only place that knows its spellings.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its full name, as in the configuration file and in `show-config`: `memory`, `postgres.host`.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// Variables, the first one that is set wins.
    pub env: &'static [&'static str],
    /// The long option, without dashes.
    pub flag: Option<&'static str>,
    /// The short option.
    pub short: Option<char>,
    /// The value if nothing else gives one.
    pub default: Option<&'static str>,
    /// Whether its value may stand in a file of its own: `VARIABLE_FILE`, and `name-file` in the configuration file.
    pub from_file: bool,
    /// Whether the configuration file may hold it. Decisions about one run may not stand there.
    pub in_config: bool,
}

impl Setting {
    /// A setting that only the configuration file can give, so far.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            doc,
            env: &[],
            flag: None,
            short: None,
            default: None,
            from_file: false,
            in_config: true,
        }
    }

    /// Also read from these variables.
    #[must_use]
    pub const fn env(mut self, names: &'static [&'static str]) -> Self {
        self.env = names;
        self
    }

    /// Also an option of the command line.
    #[must_use]
    pub const fn flag(mut self, name: &'static str) -> Self {
        self.flag = Some(name);
        self
    }

    /// With a short form of the option.
    #[must_use]
    pub const fn short(mut self, name: char) -> Self {
        self.short = Some(name);
        self
    }

    /// With a default for all programs.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// May stand in a file of its own.
    #[must_use]
    pub const fn from_file(mut self) -> Self {
        self.from_file = true;
        self
    }

    /// Not in the configuration file.
    #[must_use]
    pub const fn not_in_config(mut self) -> Self {
        self.in_config = false;
        self
    }

    /// The section of the configuration file (`postgres`), none for settings of all programs, and the key within it.
    #[must_use]
    pub fn section_and_key(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once('.') {
            Some((section, key)) => (Some(section), key),
            None => (None, self.name),
        }
    }

    /// Whether it is never shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }
}

/// One program of the suite, as far as configuration goes.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its section of the configuration file; what stands there outranks the same setting at the top of the file.
    pub section: Option<&'static str>,
    /// Its own defaults for settings of all programs.
    pub defaults: &'static [(&'static str, &'static str)],
}

impl Program {
    /// Whether it uses `setting`: one of all programs, or of its own section.
    #[must_use]
    pub fn uses(&self, setting: &Setting) -> bool {
        let (section, _) = setting.section_and_key();
        section.is_none() || section == self.section
    }

    /// The default of `setting` in this program.
    #[must_use]
    pub fn default_of(&self, setting: &Setting) -> Option<&'static str> {
        let own = self.defaults.iter().find(|(name, _)| *name == setting.name);
        own.map(|(_, value)| *value).or(setting.default)
    }
}
