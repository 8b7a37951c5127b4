//! Counts and times, and the page on which a scraper reads them: the text format of Prometheus, 0.0.4.
//!
//! Whoever has something to count counts it, and puts it on the page when somebody asks for one.

use std::{
    array,
    cell::Cell,
    collections::BTreeMap,
    fmt::{Display, Write},
    time::Duration,
};

/// How often something happened. One thread counts.
#[derive(Debug, Default)]
pub struct Count(Cell<u64>);

/// How long something took, each time.
#[derive(Debug)]
pub struct Histogram {
    /// How many took at most as long as the bound at the same place; the last, how many took longer than all.
    buckets: [Count; BOUNDS.len() + 1],
    total: Cell<Duration>,
}

/// Upper bounds, in microseconds: from a look at a file to a server that does not answer.
const BOUNDS: [u32; 20] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Samples that share a name.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

/// What a scraper reads.
#[derive(Debug, Default)]
pub struct Page(BTreeMap<&'static str, (Family, String)>);

/// Names and values that tell a sample from others of its family.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Count {
    /// Once more.
    pub fn add(&self) {
        self.0.set(self.0.get().wrapping_add(1));
    }

    /// How often so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.get()
    }
}

impl Histogram {
    /// Something took so long.
    pub fn add(&self, took: Duration) {
        let place = BOUNDS.partition_point(|bound| Duration::from_micros((*bound).into()) < took);
        self.buckets[place].add();
        self.total.set(self.total.get().saturating_add(took));
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| Count::default()), total: Cell::default() }
    }
}

impl Family {
    /// Of what only grows; its name ends in `_total`.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "counter", help }
    }

    /// Of what comes and goes.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "gauge", help }
    }

    /// Of times; its name ends in `_seconds`.
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "histogram", help }
    }
}

impl Page {
    /// Puts a number on the page.
    pub fn add(&mut self, family: &Family, labels: Labels<'_>, value: u64) {
        sample(self.samples(family), (family.name, ""), labels, &value);
    }

    /// Puts a count on the page.
    pub fn add_count(&mut self, family: &Family, labels: Labels<'_>, count: &Count) {
        self.add(family, labels, count.value());
    }

    /// Puts as many as there are on the page.
    pub fn add_number(&mut self, family: &Family, labels: Labels<'_>, number: usize) {
        self.add(family, labels, u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// Puts times on the page.
    pub fn add_histogram(&mut self, family: &Family, labels: Labels<'_>, histogram: &Histogram) {
        let (samples, name) = (self.samples(family), family.name);
        let mut so_far = 0;
        let bounds = BOUNDS.iter().map(|bound| (f64::from(*bound) / 1e6).to_string()).chain(["+Inf".into()]);
        for (bound, count) in bounds.zip(&histogram.buckets) {
            so_far += count.value();
            sample(samples, (name, "_bucket"), &[labels, &[("le", &bound)]].concat(), &so_far);
        }
        sample(samples, (name, "_sum"), labels, &histogram.total.get().as_secs_f64());
        sample(samples, (name, "_count"), labels, &so_far);
    }

    fn samples(&mut self, family: &Family) -> &mut String {
        &mut self.0.entry(family.name).or_insert_with(|| (*family, String::new())).1
    }

    /// The page as it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (Family { name, kind, help }, samples) in self.0.values() {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
        text
    }
}

/// The value of a label, between quotation marks.
#[must_use]
pub fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn sample(samples: &mut String, (name, suffix): (&str, &str), labels: Labels<'_>, value: &dyn Display) {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(samples, "{name}{suffix}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_family_stand_together_under_one_head() {
        const BS: Family = Family::counter("b_total", "How many.");
        let mut page = Page::default();
        let count = Count::default();
        count.add();
        page.add_count(&BS, &[("x", "1")], &count);
        page.add_number(&Family::gauge("a", "Now."), &[], 7);
        page.add(&BS, &[("x", "a\"b\\c\nd")], 0);
        assert_eq!(
            page.text(),
            "# HELP a Now.\n# TYPE a gauge\na 7\n# HELP b_total How many.\n# TYPE b_total counter\nb_total{x=\"1\"} 1\n\
             b_total{x=\"a\\\"b\\\\c\\nd\"} 0\n"
        );
    }

    #[test]
    fn what_takes_as_long_as_a_bound_is_within_it() {
        let histogram = Histogram::default();
        for micros in [0, 10, 11, 29_999_999, 30_000_000, 30_000_001] {
            histogram.add(Duration::from_micros(micros));
        }
        let mut page = Page::default();
        page.add_histogram(&Family::histogram("t_seconds", "Time."), &[("b", "x")], &histogram);
        let text = page.text();
        for line in [
            "t_seconds_bucket{b=\"x\",le=\"0.00001\"} 2",
            "t_seconds_bucket{b=\"x\",le=\"0.000025\"} 3",
            "t_seconds_bucket{b=\"x\",le=\"10\"} 3",
            "t_seconds_bucket{b=\"x\",le=\"30\"} 5",
            "t_seconds_bucket{b=\"x\",le=\"+Inf\"} 6",
            "t_seconds_sum{b=\"x\"} 90.000021",
            "t_seconds_count{b=\"x\"} 6",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in {text}");
        }
    }
}
