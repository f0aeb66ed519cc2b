//! The table of contents, entry by entry.

use super::{
    blocks::Expected,
    budget::Budget,
    contents::{ArchiveHeader, Contents, DatabaseEntry, QualifiedName, TableData},
    field::{FieldReader, Shape, Value},
    header::{lossy, raw},
    objects::Holder,
    walk::Flaw,
};
use crate::{RawText, sql::grantees};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    DumpId,
    HadDumper,
    TableOid,
    Oid,
    Tag,
    Kind,
    Section,
    Definition,
    Drop,
    Copy,
    Schema,
    Tablespace,
    AccessMethod,
    RelationKind,
    Owner,
    WithOids,
    Dependency,
    Offset,
}

#[derive(Debug, Default)]
struct Entry {
    dump_id: i64,
    has_data: bool,
    tag: RawText,
    kind: String,
    definition: RawText,
    copies: bool,
    schema: RawText,
    tablespace: RawText,
    owner: RawText,
    taken: usize,
}

#[derive(Debug)]
pub(super) struct TocReader {
    left: u64,
    field: Field,
    entry: Entry,
    fields: FieldReader,
    contents: Contents,
    blocks: Vec<Expected>,
}

impl TocReader {
    pub(super) fn new(contents: Contents) -> Self {
        Self {
            left: contents.header.entries,
            field: Field::DumpId,
            entry: Entry::default(),
            fields: FieldReader::default(),
            contents,
            blocks: Vec::new(),
        }
    }

    /// Takes entries off `input`; `false` asks for more input.
    pub(super) fn read(&mut self, input: &mut &[u8], budget: &mut Budget) -> Result<bool, Flaw> {
        while self.left > 0 {
            let shape = self.shape();
            let Some(value) = self.fields.read(shape, input, budget)? else {
                return Ok(false);
            };
            self.accept(value, budget)?;
        }
        Ok(true)
    }

    pub(super) fn header(&self) -> &ArchiveHeader {
        &self.contents.header
    }

    /// What was read, and the blocks that must follow.
    pub(super) fn into_parts(self) -> (Contents, Vec<Expected>) {
        (self.contents, self.blocks)
    }

    fn shape(&self) -> Shape {
        match self.field {
            Field::DumpId | Field::HadDumper | Field::Section | Field::RelationKind => Shape::Int,
            Field::Tag | Field::Kind | Field::Schema | Field::Tablespace | Field::Owner => Shape::Name,
            Field::Definition if self.entry.is_about_database() || self.entry.kind == "ENCODING" => Shape::Name,
            Field::Definition
                if self.entry.names_roles() || matches!(self.entry.kind.as_str(), "BLOB METADATA" | "EXTENSION") =>
            {
                Shape::Statement
            }
            Field::Offset => Shape::Offset,
            _ => Shape::Skipped,
        }
    }

    fn accept(&mut self, value: Value, budget: &mut Budget) -> Result<(), Flaw> {
        let entry = &mut self.entry;
        if let Value::Name(Some(text)) = &value {
            entry.taken += text.len();
        }
        match (self.field, value) {
            (Field::DumpId, Value::Int(id)) if id > 0 => entry.dump_id = id,
            (Field::DumpId, _) => return Err(Flaw("an entry of its table of contents has no valid id")),
            (Field::HadDumper, Value::Int(had)) => entry.has_data = had != 0,
            (Field::Tag, Value::Name(text)) => entry.tag = raw(text),
            (Field::Kind, Value::Name(text)) => entry.kind = lossy(text),
            (Field::Definition, Value::Name(text)) => entry.definition = raw(text),
            (Field::Copy, Value::Skipped(length)) => entry.copies = length.is_some_and(|length| length > 0),
            (Field::Schema, Value::Name(text)) => entry.schema = raw(text),
            (Field::Tablespace, Value::Name(text)) => entry.tablespace = raw(text),
            (Field::Owner, Value::Name(text)) => entry.owner = raw(text),
            (Field::Dependency, Value::Skipped(Some(_))) => return Ok(()),
            (Field::Offset, Value::Byte(state)) => return self.finish_entry(state, budget),
            _ => {}
        }
        self.field = self.following();
        Ok(())
    }

    fn following(&self) -> Field {
        let minor = self.contents.header.version.1;
        match self.field {
            Field::DumpId => Field::HadDumper,
            Field::HadDumper => Field::TableOid,
            Field::TableOid => Field::Oid,
            Field::Oid => Field::Tag,
            Field::Tag => Field::Kind,
            Field::Kind => Field::Section,
            Field::Section => Field::Definition,
            Field::Definition => Field::Drop,
            Field::Drop => Field::Copy,
            Field::Copy => Field::Schema,
            Field::Schema => Field::Tablespace,
            Field::Tablespace if minor >= 14 => Field::AccessMethod,
            Field::AccessMethod if minor >= 16 => Field::RelationKind,
            Field::Tablespace | Field::AccessMethod | Field::RelationKind => Field::Owner,
            Field::Owner => Field::WithOids,
            Field::WithOids => Field::Dependency,
            Field::Dependency => Field::Offset,
            Field::Offset => Field::DumpId,
        }
    }

    /// Offsets are 1 (not set, written to a pipe) or 2 (set) where a block follows, 3 where none does.
    fn finish_entry(&mut self, state: u8, budget: &mut Budget) -> Result<(), Flaw> {
        let entry = std::mem::take(&mut self.entry);
        if !matches!((entry.has_data, state), (true, 1 | 2) | (false, 3)) {
            return Err(Flaw("an entry of its table of contents contradicts itself"));
        }
        budget.give(entry.taken);
        self.keep(entry, budget)?;
        self.left -= 1;
        self.field = Field::DumpId;
        Ok(())
    }

    fn keep(&mut self, entry: Entry, budget: &mut Budget) -> Result<(), Flaw> {
        let contents = &mut self.contents;
        if !contents.kinds.contains_key(&entry.kind) {
            budget.take(entry.kind.len() + size_of::<(String, u64)>())?;
        }
        *contents.kinds.entry(entry.kind.clone()).or_default() += 1;
        if !entry.owner.is_empty() && !contents.owners.contains(&entry.owner) {
            budget.take(entry.owner.len() + size_of::<String>())?;
            contents.owners.insert(entry.owner.clone());
        }
        if entry.has_data {
            budget.take(size_of::<Expected>())?;
            let data = (entry.kind == "TABLE DATA").then_some(contents.data.len());
            self.blocks.push(Expected {
                dump_id: entry.dump_id,
                copies: entry.copies,
                data,
            });
        }
        if entry.kind == "ENCODING" {
            contents.encoding = encoding(&entry.definition);
        }
        if entry.is_about_database() {
            return keep_database(contents, entry, budget);
        }
        keep_name(&mut contents.tablespaces, entry.tablespace.clone(), budget)?;
        if let Some(role) = entry.mapped() {
            keep_name(&mut contents.grantees, role, budget)?;
        }
        if entry.kind == "EXTENSION" {
            budget.take(entry.definition.len() + size_of::<RawText>())?;
            contents.extensions.push(entry.definition.clone());
        }
        match entry.kind.as_str() {
            "BLOB" => contents.keep_large_objects(&entry.tag, budget),
            "BLOB METADATA" => contents.keep_large_objects(&entry.definition, budget),
            "ACL" | "DEFAULT ACL" => contents.keep_rights(entry.holder(), &entry.definition, budget),
            kind => contents.keep_object(kind, &entry.schema, &entry.tag, budget),
        }
        if entry.names_roles() {
            return keep_grantees(contents, &entry, budget);
        }
        keep_table(contents, entry, budget)
    }
}

impl Entry {
    fn is_about_database(&self) -> bool {
        match self.kind.as_str() {
            "DATABASE" | "DATABASE PROPERTIES" => true,
            "ACL" | "COMMENT" | "SECURITY LABEL" => self.tag.as_bytes().starts_with(b"DATABASE "),
            _ => false,
        }
    }

    fn holder(&self) -> Holder {
        Holder {
            schema: self.schema.clone(),
            tag: self.tag.clone(),
            role: if self.kind == "DEFAULT ACL" {
                self.owner.clone()
            } else {
                RawText::default()
            },
        }
    }

    /// Whose user mapping it is: `USER MAPPING role SERVER server`.
    fn mapped(&self) -> Option<RawText> {
        let tag = self.tag.to_chars();
        let names = tag
            .strip_prefix("USER MAPPING ")
            .filter(|_| self.kind == "USER MAPPING")?;
        let (role, _) = names.rsplit_once(" SERVER ")?;
        (role != "public").then(|| RawText::from_chars(role))
    }

    fn names_roles(&self) -> bool {
        matches!(self.kind.as_str(), "ACL" | "DEFAULT ACL" | "POLICY")
    }
}

/// `SET client_encoding = 'UTF8';`
fn encoding(definition: &RawText) -> Option<String> {
    Some(definition.as_str()?.split('\'').nth(1)?.to_owned())
}

fn keep_grantees(contents: &mut Contents, entry: &Entry, budget: &mut Budget) -> Result<(), Flaw> {
    // An empty definition was too long to be kept.
    let Some(roles) = grantees(&entry.definition.to_chars()).filter(|_| !entry.definition.is_empty()) else {
        contents.unread_privileges += 1;
        return Ok(());
    };
    for role in roles.iter().map(|role| RawText::from_chars(role)) {
        if !contents.grantees.contains(&role) {
            budget.take(role.len() + size_of::<String>())?;
            contents.grantees.insert(role);
        }
    }
    Ok(())
}

fn keep_name(names: &mut BTreeSet<RawText>, name: RawText, budget: &mut Budget) -> Result<(), Flaw> {
    if !name.is_empty() && !names.contains(&name) {
        budget.take(name.len() + size_of::<RawText>())?;
        names.insert(name);
    }
    Ok(())
}

fn keep_database(contents: &mut Contents, entry: Entry, budget: &mut Budget) -> Result<(), Flaw> {
    budget.take(entry.definition.len() + entry.owner.len() + size_of::<String>())?;
    let database = contents.database.get_or_insert_with(DatabaseEntry::default);
    if entry.kind == "DATABASE" {
        database.create = entry.definition;
        database.owner = entry.owner;
    } else {
        database.properties.push(entry.definition);
    }
    Ok(())
}

fn keep_table(contents: &mut Contents, entry: Entry, budget: &mut Budget) -> Result<(), Flaw> {
    let creates = matches!(entry.kind.as_str(), "TABLE" | "FOREIGN TABLE");
    let fills = entry.kind == "TABLE DATA" && entry.has_data;
    if !creates && !fills {
        return Ok(());
    }
    budget.take(entry.schema.len() + entry.tag.len() + size_of::<TableData>())?;
    let table = QualifiedName {
        schema: entry.schema,
        name: entry.tag,
    };
    if creates {
        contents.tables.push(table);
    } else {
        contents.data.push(TableData { table, rows: None });
    }
    Ok(())
}
