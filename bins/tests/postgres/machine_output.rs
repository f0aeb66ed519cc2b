//! What machines read: one JSON document on stdout, one JSON object per line on stderr.

use crate::bed::{Bed, Output, database};
use serde_json::Value;

/// Every line of stderr as an object with a level.
#[track_caller]
fn log_of(output: &Output) -> Vec<Value> {
    let lines = output.stderr.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["level"].is_string(), "{line}");
        value
    });
    lines.collect()
}

#[test]
fn with_log_format_json_each_line_on_stderr_is_one_object() {
    let (mut bed, _) = (Bed::minio(), database("json_log"));
    for arguments in [
        &["--log-format", "json", "--database", "json_log"][..],
        &["--log-format", "json", "--verbose", "--database", "json_log"],
        &["verify", "--log-format", "json"],
        &["restore", "json_log", "--confirm", "json_log", "--log-format", "json"],
        &["list", "--log-format", "json"],
        &["prune", "--keep-last", "1", "--log-format", "json"],
        &["check", "--log-format", "json", "--database", "json_log"],
    ] {
        log_of(&bed.run(arguments));
    }
    let dumped = log_of(&bed.run(&["--log-format", "json", "--database", "json_log"]).succeeds());
    let finished =
        |line: &Value| line.to_string().contains("artifact-finished") && line.to_string().contains("json_log");
    assert!(dumped.iter().any(finished), "{dumped:?}");

    bed.set("BACKUP_LOG_FORMAT", "json");
    let failed = bed.run(&["restore", "json_log"]).ends_with(11);
    let last = log_of(&failed).pop().unwrap();
    assert_eq!(last["exit_code"], 11);
    assert!(
        last["hints"][0].as_str().unwrap().contains("--confirm json_log"),
        "{last}"
    );
    let partial = bed
        .run(&["--database", "json_log", "--database", "json_gone"])
        .ends_with(6);
    let last = log_of(&partial).pop().unwrap();
    assert_eq!(last["exit_code"], 6);
    assert!(last.to_string().contains("json_gone"), "{last}");
}

#[test]
fn with_json_there_is_exactly_one_document_on_stdout() {
    let (bed, _) = (Bed::minio(), database("json_out"));
    let dumped = bed.run(&["--json", "--database", "json_out"]).succeeds().json();
    assert_eq!(dumped["complete"], true);
    let listed = bed.run(&["list", "--json"]).succeeds().json();
    assert_eq!(listed["backups"][0]["id"], dumped["id"]);
    assert_eq!(listed["backups"][0]["state"], "COMPLETE");
    let verified = bed.run(&["verify", "--json"]).succeeds().json();
    assert_eq!(verified["lines"][0]["ok"], true);
    let restored = bed
        .run(&["restore", "json_out", "--confirm", "json_out", "--json"])
        .succeeds()
        .json();
    assert_eq!(restored["rows"], 1400);
    let globals = bed
        .run(&["restore", "--globals", "--confirm", "127.0.0.1", "--json"])
        .succeeds()
        .json();
    assert!(globals.is_object(), "{globals}");
    let planned = bed
        .run(&["restore", "json_out", "--confirm", "json_out", "--dry-run", "--json"])
        .succeeds()
        .json();
    assert!(planned.is_object(), "{planned}");
    let pruned = bed.run(&["prune", "--json"]).succeeds().json();
    assert_eq!(pruned["executed"], true);
    let planned = bed
        .run(&["--dry-run", "--json", "--database", "json_out"])
        .succeeds()
        .json();
    assert_eq!(planned["artifacts"][0], "json_out");
    bed.run(&["check", "--json", "--database", "json_out"]).json();
    let partial = bed
        .run(&["--json", "--database", "json_out", "--database", "json_nowhere"])
        .ends_with(6)
        .json();
    assert_eq!(partial["complete"], false);
    assert_eq!(partial["failures"][0]["name"], "json_nowhere");
    bed.look()
        .flip(&format!("{}/json_out.pgdump.zst.pbe", dumped["id"].as_str().unwrap()));
    let damaged = bed
        .run(&["verify", dumped["id"].as_str().unwrap(), "--json"])
        .ends_with(10)
        .json();
    assert_eq!(damaged["lines"][0]["ok"], false);
}

#[test]
fn a_failure_writes_nothing_to_stdout() {
    let (bed, _) = (Bed::minio(), database("json_fail"));
    for arguments in [&["verify", "--json"][..], &["restore", "json_fail", "--json"]] {
        let output = bed.run(arguments);
        assert_ne!(output.code, Some(0));
        assert_eq!(output.stdout, "", "{arguments:?}");
    }
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let (bed, _) = (Bed::minio(), database("silent"));
    let output = bed.run(&["--quiet", "--database", "silent"]).succeeds();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}

#[test]
fn without_a_terminal_nothing_moves_the_cursor() {
    let (bed, _) = (Bed::minio(), database("no_terminal"));
    for arguments in [&["--database", "no_terminal"][..], &["list"], &["verify"]] {
        let output = bed.run(arguments).succeeds();
        assert!(
            !output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'),
            "{output:?}"
        );
    }
}
