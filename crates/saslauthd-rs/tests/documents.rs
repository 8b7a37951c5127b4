//! The commands in the documents are ones that the daemon takes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use saslauthd_rs::settings::{Task, decide};
use std::{ffi::OsString, fs, path::Path};

/// The commands in the blocks of a page, with what stands for something else left as it is.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2).map(|block| block.replace("\\\n", " "));
    let lines = blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    let commands = lines.filter_map(|line| {
        let line = line.trim_start_matches("sudo ").trim_start_matches("ExecStart=/usr/local/sbin/");
        line.starts_with("saslauthd ").then(|| line.split(" #").next().unwrap().to_owned())
    });
    commands.collect()
}

/// As a shell would, as far as the documents need it.
fn words(command: &str) -> Vec<OsString> {
    let parts = command.split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        1 => vec![part],
        _ => part.split_whitespace().collect(),
    });
    words.map(OsString::from).collect()
}

#[test]
fn every_page_of_a_back_end_has_a_command_that_is_taken() {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends");
    let mut pages: Vec<_> = fs::read_dir(documents).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md"));
    assert!(pages.len() > 6);
    for page in pages {
        let commands = commands(&fs::read_to_string(&page).unwrap());
        assert!(!commands.is_empty(), "{}", page.display());
        for command in commands {
            let task = decide(words(&command));
            let taken = matches!(task, Ok(Task::Serve(_) | Task::CheckConfiguration(_)));
            assert!(taken, "{}: {command}: {task:?}", page.display());
        }
    }
}
