//! `show-config`: each setting, its value, and where that came from.

use super::{Settings, settings::Resolved};
use crate::table::{Align, Table};
use serde_json::{Map, Value, json};

/// As a table for people; secrets masked.
#[must_use]
pub fn text(settings: &Settings) -> String {
    let mut table = Table::new([("SETTING", Align::Left), ("FROM", Align::Left), ("VALUE", Align::Left)]);
    for resolved in settings.all() {
        let (value, origin) = match &resolved.value {
            Some(value) => (value.to_string(), resolved.origin.to_string()),
            None => ("-".to_owned(), "not set".to_owned()),
        };
        table.row([resolved.setting.name, &origin, &value]);
    }
    table.to_string()
}

/// As one JSON object by the name of the setting; secrets masked.
#[must_use]
pub fn json(settings: &Settings) -> Value {
    let entry = |resolved: &Resolved| {
        let value = resolved.value.as_ref().map(ToString::to_string);
        let origin = value.as_ref().map(|_| resolved.origin.to_string());
        (
            resolved.setting.name.to_owned(),
            json!({ "value": value, "from": origin }),
        )
    };
    Value::Object(settings.all().iter().map(entry).collect::<Map<_, _>>())
}
