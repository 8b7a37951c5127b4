//! The commands in the documents are ones that the daemon takes, and the keys those that it reads.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use saslauthd_rs::{
    configuration::{Configuration, KEYS},
    settings::{Task, decide},
};
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

/// What is between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_weakness_has_tests_that_are_there_or_is_of_what_is_not_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/original-cves.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 30);
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for piece in tests.split("; ").filter(|_| !tests.starts_with("not shipped: ")) {
            let [file, names @ ..] = &quoted(piece)[..] else { panic!("no test: {row}") };
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            for name in names {
                assert!(["fn", "def"].iter().any(|word| text.contains(&format!("{word} {name}("))), "{file}: {name}");
            }
        }
    }
}

#[test]
fn every_page_of_a_back_end_has_a_command_that_is_taken() {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/backends");
    let mut pages: Vec<_> = fs::read_dir(documents).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.extend(
        ["README.md", "docs/observability.md"]
            .map(|page| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page)),
    );
    assert!(pages.len() > 6);
    for page in pages {
        let commands = commands(&fs::read_to_string(&page).unwrap());
        assert!(!commands.is_empty(), "{}", page.display());
        for command in commands {
            let task = decide(words(&command));
            let taken = matches!(
                task,
                Ok(Task::Serve(_) | Task::CheckConfiguration(_) | Task::Status(_) | Task::CheckLogin(_))
            );
            assert!(taken, "{}: {command}: {task:?}", page.display());
        }
    }
}

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The example without the one key that has no value by default, and with all others uncommented.
#[test]
fn the_example_has_every_key_with_its_default() {
    let example = file("saslauthd.toml.example");
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|first: char| first.is_ascii_lowercase()) => setting,
        _ => line,
    });
    let (group, all): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("socket_group"));
    assert_eq!(group, ["socket_group = \"sasl\""]);
    let mut section = String::new();
    let mut names = vec!["socket_group".to_owned()];
    for line in all.iter().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            names.push(format!("{section}{key}"));
            // Each of them, so that none is taken for one that is not read.
            let alone = format!("{section}{line}");
            assert_eq!(Configuration::parse(Path::new(key), &alone).unwrap(), Configuration::default(), "{alone}");
        }
    }
    names.sort();
    let mut known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
    let whole = Configuration::parse(Path::new("saslauthd.toml.example"), &all.join("\n")).unwrap();
    assert_eq!(whole, Configuration::default());
    assert_eq!(Configuration::parse(Path::new("as it is"), &example).unwrap(), Configuration::default());
}

#[test]
fn the_reference_has_every_key_with_its_default_and_its_flag() {
    let page = file("../../docs/configuration.md");
    let rows: Vec<Vec<_>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), KEYS.map(|key| key.name));
    for (row, key) in rows.iter().zip(&KEYS) {
        let [name, _, default, _, flag] = row[..] else { panic!("{row:?}") };
        assert_eq!(flag.strip_prefix("--"), key.flag, "{name}");
        if name != "socket_group" {
            let read = Configuration::parse(Path::new(name), &format!("{name} = {default}")).unwrap();
            assert_eq!(read, Configuration::default(), "{name}");
        }
    }
}

/// The bounds in the reference are those that are held.
#[test]
fn a_step_beyond_the_bounds_of_the_reference_is_one_too_far() {
    let page = file("../../docs/configuration.md");
    let mut bounds = 0;
    for line in page.lines().filter(|line| line.starts_with("| `") && !line.contains("octal")) {
        let cells: Vec<_> = line.split(" | ").collect();
        let (name, kind) = (cells[0].trim_matches(|c| "| `".contains(c)), cells[1]);
        let Some((least, most)) = kind.split_once(" from ").and_then(|(_, range)| range.split_once(" to ")) else {
            continue;
        };
        let reads = |value: i64| Configuration::parse(Path::new(name), &format!("{name} = {value}")).is_ok();
        let (least, most): (i64, i64) = (least.parse().unwrap(), most.parse().unwrap());
        assert_eq!([least - 1, least, most, most + 1].map(reads), [false, true, true, false], "{name}");
        bounds += 1;
    }
    assert_eq!(bounds, 10);
}
