//! A page of metrics, read as strictly as a scraper may: the text format of Prometheus, 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// The samples, by the name of their family.
pub(crate) struct Page {
    kinds: BTreeMap<String, String>,
    samples: Vec<(String, Labels, f64)>,
}

type Labels = BTreeMap<String, String>;

impl Page {
    /// Panics where anything is not as it has to be.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has an end");
        let mut page = Self { kinds: BTreeMap::new(), samples: Vec::new() };
        let (mut family, mut helped) = (String::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped = help
                    .split_once(' ')
                    .filter(|(_, help)| !help.is_empty())
                    .expect("help says something")
                    .0
                    .to_owned();
                assert!(!page.kinds.contains_key(&helped), "{helped}: one head a family");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, helped, "help stands before the type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}: {kind}");
                page.kinds.insert(name.to_owned(), kind.to_owned());
                family = name.to_owned();
            } else {
                page.samples.push(sample(line, &family, &page.kinds[&family]));
            }
        }
        page.no_sample_twice();
        page.histograms_add_up();
        page
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.kinds.keys().cloned().collect()
    }

    /// The value of the one sample that has these labels and no others.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let found = self.samples.iter().find(|sample| sample.0 == name && sample.1 == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels:?}")).2
    }

    fn no_sample_twice(&self) {
        let mut seen = BTreeSet::new();
        for (name, labels, _) in &self.samples {
            assert!(seen.insert((name, labels)), "{name} {labels:?} is there twice");
        }
    }

    fn histograms_add_up(&self) {
        for (name, _) in self.kinds.iter().filter(|(_, kind)| *kind == "histogram") {
            let counts = self.samples.iter().filter(|sample| sample.0 == format!("{name}_count"));
            for (_, labels, count) in counts {
                let mut buckets: Vec<(f64, f64)> = Vec::new();
                for (_, of_bucket, value) in self.samples.iter().filter(|sample| sample.0 == format!("{name}_bucket")) {
                    let mut others = of_bucket.clone();
                    let bound = others.remove("le").expect("a bucket has a bound");
                    if others == *labels {
                        buckets.push((bound.replace("+Inf", "inf").parse().unwrap(), *value));
                    }
                }
                assert!(buckets.len() > 2 && buckets.is_sorted(), "{name} {labels:?} grows: {buckets:?}");
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name} {labels:?}");
                let sum = self.samples.iter().find(|sample| sample.0 == format!("{name}_sum") && sample.1 == *labels);
                assert_eq!(sum.unwrap().2 > 0.0, *count > 0.0, "{name} {labels:?}");
            }
        }
    }
}

fn sample(line: &str, family: &str, kind: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let name = &line[..end];
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{name} stands among {family}"));
    let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
    assert!(suffixes.contains(&suffix) && name.starts_with("saslauthd_"), "{line}");
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    let (labels, rest) =
        if line[end..].starts_with('{') { labels(&line[end + 1..]) } else { (Labels::new(), &line[end..]) };
    let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    (name.into(), labels, value)
}

/// The labels, and what is behind their bracket.
fn labels(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, rest) = text.split_once("=\"").unwrap();
        let (value, rest) = quoted(rest);
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && !name.is_empty(), "{text}");
        assert!(labels.insert(name.into(), value).is_none(), "{name} is there twice");
        match rest.split_at(1) {
            (",", rest) => text = rest,
            ("}", rest) => return (labels, rest),
            _ => panic!("{rest}"),
        }
    }
}

fn quoted(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    loop {
        match characters.next().unwrap() {
            (at, '"') => return (value, &text[at + 1..]),
            (_, '\\') => value.push(match characters.next().unwrap().1 {
                'n' => '\n',
                other @ ('"' | '\\') => other,
                other => panic!("\\{other}"),
            }),
            (_, other) => value.push(other),
        }
    }
}
