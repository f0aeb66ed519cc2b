//! An origin for people and machines.

use super::Origin;
use backup_core::{self as core, store::Key};
use serde::Serialize;
use std::fmt;

/// Which backup, how old it is, and which object.
#[derive(Debug, Serialize)]
pub struct Described {
    /// Its name.
    pub from: String,
    age_seconds: Option<i64>,
    objects: Vec<String>,
}

impl Origin {
    /// For people and machines.
    #[must_use]
    pub fn described(&self, cx: &core::Context) -> Described {
        let (age_seconds, objects) = match self {
            Self::Backup(backup) => {
                let age = cx.clock.now().duration_since(backup.manifest.id.timestamp()).as_secs();
                let objects = backup.artifact.objects.iter();
                let place = |key: &str| cx.store.location().of(&Key::from(key));
                (Some(age), objects.map(|object| place(&object.key)).collect())
            }
            Self::Key(key) => (None, vec![cx.store.location().of(key)]),
            Self::Sealed(sealed) => {
                let age = cx.clock.now().duration_since(sealed.claims().created).as_secs();
                (Some(age), Vec::new())
            }
            Self::File(_) | Self::Input(..) => (None, Vec::new()),
        };
        Described {
            from: self.name(),
            age_seconds,
            objects,
        }
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.from)?;
        if let Some(seconds) = self.age_seconds {
            write!(f, ", {}", age(seconds))?;
        }
        match &self.objects[..] {
            [] => Ok(()),
            [object] => write!(f, ", {object}"),
            [first, more @ ..] => write!(f, ", {first} and {} more", more.len()),
        }
    }
}

/// In the largest unit that leaves more than one. What a machine with another clock made may be of tomorrow.
fn age(seconds: i64) -> String {
    if seconds < 0 {
        let ahead = seconds.unsigned_abs();
        return format!("{ahead} seconds in the future: the clocks differ");
    }
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{} {name} old", seconds / unit),
        None => format!("{seconds} seconds old"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_unit_and_one_of_the_future_as_that() {
        assert_eq!(age(0), "0 seconds old");
        assert_eq!(age(119), "119 seconds old");
        assert_eq!(age(7200), "2 hours old");
        assert_eq!(age(-899), "899 seconds in the future: the clocks differ");
    }
}
