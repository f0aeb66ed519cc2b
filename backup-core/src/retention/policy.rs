//! What the operator wants to keep.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// What to keep. The rules add up: a backup stays if any of them keeps it. Without any rule everything stays.
///
/// Hours, days, weeks (from Monday) and months are those of UTC, and only those with a good backup count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Everything of the last so many days, good or not.
    pub keep_days: Option<u32>,
    /// The newest so many good ones.
    pub keep_last: Option<u32>,
    /// The newest good one of each of the newest so many hours.
    pub keep_hourly: Option<u32>,
    /// The newest good one of each of the newest so many days.
    pub keep_daily: Option<u32>,
    /// The newest good one of each of the newest so many weeks.
    pub keep_weekly: Option<u32>,
    /// The newest good one of each of the newest so many months.
    pub keep_monthly: Option<u32>,
}

/// A stretch of time of which the newest backup is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Each,
    Hour,
    Day,
    Week,
    Month,
}

impl Policy {
    /// Whether there is no rule at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keep_days.is_none() && self.counts().next().is_none()
    }

    /// The rules that count good backups.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Period, u32)> {
        let rules = [
            (Period::Each, self.keep_last),
            (Period::Hour, self.keep_hourly),
            (Period::Day, self.keep_daily),
            (Period::Week, self.keep_weekly),
            (Period::Month, self.keep_monthly),
        ];
        rules.into_iter().filter_map(|(period, count)| Some((period, count?)))
    }
}

impl Period {
    /// Whether two moments lie in one period.
    pub(super) fn holds_both(self, a: Timestamp, b: Timestamp) -> bool {
        let (a, b) = (civil(a), civil(b));
        match self {
            Self::Each => false,
            Self::Hour => (a.date(), a.hour()) == (b.date(), b.hour()),
            Self::Day => a.date() == b.date(),
            Self::Week => {
                let (a, b) = (a.date().iso_week_date(), b.date().iso_week_date());
                (a.year(), a.week()) == (b.year(), b.week())
            }
            Self::Month => (a.year(), a.month()) == (b.year(), b.month()),
        }
    }
}

fn civil(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}
