//! What the renderers say, and when.

use super::*;
use crate::logging::tests::Kept;
use backup_core::event::{Event, Finding, Severity};
use jiff::Timestamp;
use std::sync::Mutex;

#[derive(Debug, Default)]
struct HandMoved(Mutex<i64>);

impl HandMoved {
    fn forward(&self, seconds: i64) {
        *self.0.lock().unwrap() += seconds;
    }
}

impl Clock for HandMoved {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(*self.0.lock().unwrap()).unwrap()
    }
}

fn money() -> String {
    "platform_money".into()
}

/// Runs for `seconds`, with one event of progress per second.
fn artifact(sink: &dyn EventSink, clock: &HandMoved, seconds: u64) {
    const MIB: u64 = 1 << 20;
    sink.emit(Event::ArtifactStarted {
        name: money(),
        expected: Some(100 * MIB),
    });
    for second in 1..=seconds {
        clock.forward(1);
        sink.emit(Event::ArtifactProgress {
            name: money(),
            read: second * MIB,
            written: second * MIB / 4,
        });
    }
    sink.emit(Event::ArtifactFinished {
        name: money(),
        read: seconds * MIB,
        written: seconds * MIB / 4,
    });
}

fn lines(clock: &Arc<HandMoved>) -> Lines {
    let output = Output::new(Terminal::hidden(), true, Verbosity::Normal);
    Lines::new(output, Pace::new(INTERVAL, clock.clone()))
}

#[test]
fn a_short_artifact_adds_nothing_to_the_log() {
    let (clock, kept) = (Arc::new(HandMoved::default()), Kept::default());
    let lines = lines(&clock);
    kept.during_text(Verbosity::Normal, || artifact(&lines, &clock, 9));
    assert_eq!(kept.text(), "");
}

#[test]
fn a_long_artifact_has_one_line_per_interval_and_one_at_its_end() {
    let (clock, kept) = (Arc::new(HandMoved::default()), Kept::default());
    let lines = lines(&clock);
    kept.during_text(Verbosity::Normal, || artifact(&lines, &clock, 25));
    let text = kept.text();
    assert_eq!(text.lines().count(), 3, "{text}");
    let first =
        "platform_money: 10.00 MiB of about 100.00 MiB read (10 %), 2.50 MiB written, 1.00 MiB/s, about 90 s left";
    assert!(text.lines().next().unwrap().ends_with(first), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .contains("platform_money: done, 25.00 MiB read"),
        "{text}"
    );
}

#[test]
fn findings_and_failures_show_with_their_level_and_cannot_move_the_cursor() {
    let (clock, kept) = (Arc::new(HandMoved::default()), Kept::default());
    let lines = lines(&clock);
    kept.during_text(Verbosity::Quiet, || {
        lines.emit(Event::ArtifactFailed {
            name: "evil\u{1b}[2J".into(),
            error: "no".into(),
        });
        lines.emit(Event::Finding(Finding {
            severity: Severity::Warning,
            subject: "clock".into(),
            message: "4 s off".into(),
            hint: Some("run ntp".into()),
        }));
        lines.emit(Event::Step("unimportant".into()));
    });
    let text = kept.text();
    assert!(text.contains("ERROR evil\\u{1b}[2J: no"), "{text}");
    assert!(text.contains("WARN clock: 4 s off; HINT: run ntp"), "{text}");
    assert!(!text.contains("unimportant"));
}

#[test]
fn machines_get_each_event_with_its_facts_as_fields() {
    let (clock, kept) = (Arc::new(HandMoved::default()), Kept::default());
    let json = JsonLines::new(Pace::new(INTERVAL, clock.clone()));
    kept.during_json(|| {
        json.emit(Event::RunStarted {
            verb: "backup",
            target: "postgres.dump".into(),
        });
        artifact(&json, &clock, 12);
    });
    let text = kept.text();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        [
            "run-started",
            "artifact-started",
            "artifact-progress",
            "artifact-finished"
        ]
    );
    assert_eq!(lines[0]["target"], "postgres.dump");
    assert_eq!(
        (&lines[2]["read"], &lines[2]["seconds"]),
        (&10_485_760.into(), &10.into())
    );
    assert_eq!(lines[3]["name"], "platform_money");
}
