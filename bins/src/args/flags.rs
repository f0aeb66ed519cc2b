//! Options of the command line out of the table of settings.

use crate::config::{
    layers::{Given, Layer, Origin},
    setting::{Kind, Setting},
    table::find,
};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, builder::PossibleValuesParser};
use std::marker::PhantomData;

/// A group of settings that a verb, or all verbs of a program, take as options.
pub trait Group {
    /// Full names of the settings.
    const NAMES: &'static [&'static str];
    /// Whether the options may stand after the verb as well.
    const GLOBAL: bool = false;
    /// Over them in `--help`.
    const HEADING: &'static str;
}

/// The options of `G`, with what was given. Use with `#[command(flatten)]`.
#[derive(Debug, Clone)]
pub struct Flags<G> {
    given: Layer,
    group: PhantomData<G>,
}

impl<G> Flags<G> {
    /// What was given.
    #[must_use]
    pub fn given(&self) -> &Layer {
        &self.given
    }
}

impl<G: Group> Args for Flags<G> {
    fn augment_args(command: Command) -> Command {
        G::NAMES
            .iter()
            .filter_map(|name| find(name))
            .fold(command, |command, setting| {
                command.arg(argument(setting).global(G::GLOBAL).help_heading(G::HEADING))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<G: Group> FromArgMatches for Flags<G> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = G::NAMES.iter().filter_map(|name| find(name)).filter_map(|setting| {
            let given = given(setting, matches)?;
            Some((setting.name, given))
        });
        Ok(Self {
            given: given.collect(),
            group: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.given.append(&mut Self::from_arg_matches(matches)?.given);
        Ok(())
    }
}

fn given(setting: &Setting, matches: &ArgMatches) -> Option<Given> {
    let text = if setting.kind == Kind::Bool {
        vec![matches.get_flag(setting.name).then(|| "true".to_owned())?]
    } else {
        matches.get_many::<String>(setting.name)?.cloned().collect()
    };
    Some(Given {
        text,
        origin: Origin::Flag(setting.flag?),
    })
}

fn argument(setting: &Setting) -> Arg {
    let argument = Arg::new(setting.name).help(help(setting));
    let argument = match setting.flag {
        Some(flag) => argument.long(flag),
        None => argument,
    };
    let argument = match setting.short {
        Some(short) => argument.short(short),
        None => argument,
    };
    match setting.kind {
        Kind::Bool => argument.action(ArgAction::SetTrue),
        // Values are checked with the layers, which name the option as well; only their number is clap's concern.
        Kind::List => argument.action(ArgAction::Append).value_name(value_name(setting)),
        Kind::Choice(words) => argument
            .action(ArgAction::Set)
            .value_name(value_name(setting))
            .value_parser(PossibleValuesParser::new(words)),
        _ => argument.action(ArgAction::Set).value_name(value_name(setting)),
    }
}

fn value_name(setting: &Setting) -> &'static str {
    match setting.kind {
        Kind::Path => "FILE",
        Kind::Folder => "DIR",
        Kind::Number(..) => "N",
        Kind::Bytes => "BYTES",
        Kind::Duration => "TIME",
        Kind::Choice(_) => "WORD",
        Kind::Sse => "aws:kms[:KEYID]|AES256",
        Kind::List if setting.from_file => "KEY",
        Kind::List => "NAME",
        Kind::Text | Kind::Secret | Kind::Bool => "TEXT",
    }
}

fn help(setting: &Setting) -> String {
    let mut help = setting.doc.to_owned();
    if let Some(default) = setting.default.filter(|_| setting.kind != Kind::Bool) {
        help.push_str(&format!(" [default: {default}]"));
    }
    if !setting.env.is_empty() {
        help.push_str(&format!(" [env: {}]", setting.env.join(", ")));
    }
    help
}

/// Settings that every verb of every program takes.
#[derive(Debug, Clone)]
pub struct Everywhere;

impl Group for Everywhere {
    const NAMES: &'static [&'static str] = &[
        "config",
        "store",
        "key-file",
        "recovery-key",
        "sse",
        "memory",
        "deadline",
        "json",
        "log-format",
        "quiet",
        "verbose",
    ];
    const GLOBAL: bool = true;
    const HEADING: &'static str = "Options of all verbs";
}

/// Groups of options of one verb each.
macro_rules! groups {
    ($($(#[$doc:meta])* $group:ident: $names:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $group;

        impl $crate::args::flags::Group for $group {
            const NAMES: &'static [&'static str] = &$names;
            const HEADING: &'static str = "Options";
        }
    )*};
}

pub(super) use groups;
