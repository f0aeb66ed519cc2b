//! What `pg_dump` writes of the rights in two databases, side by side.

use crate::{
    RawText,
    archive::{Contents, DatabaseEntry, Holder, Objects, QualifiedName},
    restore::database_statements::properties,
    sql::{identifier, statements},
};
use std::collections::BTreeSet;

/// Something on which rights differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// What it is, as `TABLE t in schema public`; absent for the database itself.
    on: Option<RawText>,
    /// Statements that the dump does not have.
    more: BTreeSet<RawText>,
    /// Statements that the dump has.
    less: BTreeSet<RawText>,
}

impl Difference {
    fn new(on: Option<RawText>, dump: &BTreeSet<RawText>, live: &BTreeSet<RawText>) -> Option<Self> {
        (dump != live).then(|| Self {
            on,
            more: live.difference(dump).cloned().collect(),
            less: dump.difference(live).cloned().collect(),
        })
    }

    pub(super) fn is_of_database(&self) -> bool {
        self.on.is_none()
    }

    pub(super) fn described(&self) -> RawText {
        let on = self.on.as_ref().map_or(&b"the database itself"[..], RawText::as_bytes);
        let mut text = [b"rights on ", on, b" are not those of the backup"].concat();
        let groups = [(" now ", &self.more), (" in the backup ", &self.less)];
        let said = groups
            .iter()
            .flat_map(|(when, statements)| statements.iter().map(|statement| (*when, statement)));
        for (place, (when, statement)) in said.enumerate() {
            let statement = statement.as_bytes().strip_suffix(b";").unwrap_or(statement.as_bytes());
            text.extend([if place == 0 { b":" } else { b"," }, when.as_bytes(), statement].concat());
        }
        text.into()
    }
}

/// Every difference between the rights of `dump` and those of the database that it was restored into, which is called `name`; `None` if one of them is not
/// known.
pub(super) fn differences(dump: &Contents, live: &Contents, name: &str) -> Option<Vec<Difference>> {
    let (wanted, there) = (dump.objects.as_ref()?, live.objects.as_ref()?);
    let holders: BTreeSet<&Holder> = wanted.rights.keys().chain(there.rights.keys()).collect();
    let rights = |objects: &Objects, holder| objects.rights.get(holder).map(written).unwrap_or_default();
    let of_objects = holders.into_iter().filter_map(|holder| {
        let (wanted, there) = (rights(wanted, holder), rights(there, holder));
        let passed_over = wanted.is_empty() && !dump.knows(holder);
        Difference::new(Some(holder.described()), &wanted, &there).filter(|_| !passed_over)
    });
    let of_database = dump.database.as_ref().zip(live.database.as_ref());
    let of_database = of_database.and_then(|(dump, live)| {
        Difference::new(None, &of_database_itself(dump, name), &of_database_itself(live, name))
    });
    Some(of_objects.chain(of_database).collect())
}

/// Statements, in one way of spacing: versions differ in it.
fn written(script: &RawText) -> BTreeSet<RawText> {
    let script = script.to_chars();
    let spaced = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let statements = statements(&script).into_iter().map(spaced);
    statements.map(|statement| RawText::from_chars(&statement)).collect()
}

/// Its privileges and its owner, as if it were called `name`.
fn of_database_itself(entry: &DatabaseEntry, name: &str) -> BTreeSet<RawText> {
    let gives = |statement: &RawText| {
        ["GRANT ", "REVOKE "]
            .iter()
            .any(|verb| statement.as_bytes().starts_with(verb.as_bytes()))
    };
    let mut rights: BTreeSet<RawText> = properties(entry, name).iter().flat_map(written).filter(gives).collect();
    rights.insert([b"OWNER TO ", entry.owner.as_bytes(), b";"].concat().into());
    rights
}

impl Holder {
    fn described(&self) -> RawText {
        let mut text = self.tag.as_bytes().to_owned();
        for (word, name) in [(" in schema ", &self.schema), (" of role ", &self.role)] {
            if !name.is_empty() {
                text.extend([word.as_bytes(), name.as_bytes()].concat());
            }
        }
        text.into()
    }
}

/// What the tags of rights begin with.
const THINGS: [&str; 12] = [
    "TABLE ",
    "COLUMN ",
    "SEQUENCE ",
    "FUNCTION ",
    "PROCEDURE ",
    "AGGREGATE ",
    "TYPE ",
    "DOMAIN ",
    "SCHEMA ",
    "LANGUAGE ",
    "FOREIGN DATA WRAPPER ",
    "FOREIGN SERVER ",
];

impl Contents {
    /// Whether what has the rights is the dump's, or the server's own.
    fn knows(&self, holder: &Holder) -> bool {
        if !holder.role.is_empty() {
            let role = self.owners.contains(&holder.role) || self.grantees.contains(&holder.role);
            return role && self.creates_in(&holder.schema);
        }
        let tag = holder.tag.to_chars();
        let thing = THINGS.iter().find_map(|thing| Some((*thing, tag.strip_prefix(thing)?)));
        let Some((thing, (name, _, rest))) = thing.and_then(|(thing, rest)| Some((thing, identifier::split(rest)?)))
        else {
            return true;
        };
        let name = match thing {
            "COLUMN " => name,
            _ => name + rest,
        };
        self.has(thing, &holder.schema, &RawText::from_chars(&name))
    }

    fn has(&self, thing: &str, schema: &RawText, name: &RawText) -> bool {
        let of_the_server = *schema == "information_schema" || schema.as_bytes().starts_with(b"pg_");
        let public = thing == "SCHEMA " && *name == "public";
        let table = QualifiedName {
            schema: schema.clone(),
            name: name.clone(),
        };
        let same = |objects: &Objects| {
            objects
                .named
                .iter()
                .any(|object| object.schema == *schema && object.name == *name)
        };
        of_the_server || public || self.tables.contains(&table) || self.objects.as_ref().is_none_or(same)
    }
}
