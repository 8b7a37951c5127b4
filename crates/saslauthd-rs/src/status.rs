//! `saslauthd status`: the metrics of the daemon that runs, for a person.

use crate::{
    control_client::Daemon,
    exit::{Failure, print},
};
use humantime::{format_duration, format_rfc3339_seconds};
use sasl_wire::control::METRICS;
use std::{
    fmt::Write,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the daemon in that run directory, and prints what it says.
///
/// # Errors
/// Where there is none, or it does not answer.
pub fn show(directory: &Path) -> Result<(), Failure> {
    let page = Daemon::find(directory)?.ask(("GET", METRICS), b"", PATIENCE)?;
    print(&Samples::read(&page).summary())
}

/// The lines of a page of ours.
struct Samples(Vec<Sample>);

struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// What is asked for: samples of that name, with these labels among theirs.
type Wanted<'a> = (&'a str, &'a [(&'a str, &'a str)]);

impl Samples {
    fn read(page: &str) -> Self {
        Self(page.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect())
    }

    fn of<'a>(&'a self, (name, labels): Wanted<'a>) -> impl Iterator<Item = &'a Sample> {
        let full = format!("saslauthd_{name}");
        self.0.iter().filter(move |sample| {
            sample.name == full && labels.iter().all(|(label, value)| sample.label(label) == *value)
        })
    }

    fn sum(&self, wanted: Wanted<'_>) -> f64 {
        self.of(wanted).map(|sample| sample.value).sum()
    }

    /// The values of a label, each once, in their order.
    fn values(&self, name: &str, label: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for sample in self.0.iter().filter(|sample| sample.name == format!("saslauthd_{name}")) {
            let value = sample.label(label);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    fn summary(&self) -> String {
        [self.heading(), self.requests(), self.cache(), self.connections(), self.helpers(), self.trouble()].concat()
    }

    fn heading(&self) -> String {
        let info = |label| self.values("info", label).concat();
        let start = UNIX_EPOCH + Duration::try_from_secs_f64(self.sum(("start_time_seconds", &[]))).unwrap_or_default();
        let age = Duration::from_secs(start.elapsed().unwrap_or_default().as_secs());
        let (start, age) = (format_rfc3339_seconds(start), format_duration(age));
        format!(
            "saslauthd {}, serving since {start} ({age})\nmechanisms   {}\n\n",
            info("version"),
            info("mechanisms").replace(',', ", ")
        )
    }

    fn requests(&self) -> String {
        let results = ["accepted", "refused", "unavailable"];
        let mut text = format!("{:12}", "requests");
        for result in results {
            let _ = write!(text, " {result:>12}");
        }
        text.push_str("    half within   99 % within\n");
        for backend in self.values("requests_total", "backend") {
            let count = |result| self.sum(("requests_total", &[("backend", backend), ("result", result)]));
            let counts = results.map(count);
            if ["cache", "none"].contains(&backend) && counts.iter().sum::<f64>() == 0.0 {
                continue;
            }
            let _ = write!(text, "  {backend:10}");
            for count in counts {
                let _ = write!(text, " {count:>12}");
            }
            for part in [0.5, 0.99] {
                let within =
                    self.quantile(backend, part).map_or("-".into(), |seconds| format!("about {}", short(seconds)));
                let _ = write!(text, " {within:>13}");
            }
            text.push('\n');
        }
        text
    }

    /// How long that part of a back end's checks took at most: within its bucket of the histogram, in proportion.
    fn quantile(&self, backend: &str, part: f64) -> Option<f64> {
        let labels = [("backend", backend)];
        let wanted = part * self.sum(("check_duration_seconds_count", &labels));
        let mut below = (0.0, 0.0);
        for sample in self.of(("check_duration_seconds_bucket", &labels)).filter(|_| wanted > 0.0) {
            let bound: f64 = sample.label("le").parse().unwrap_or(f64::INFINITY);
            if sample.value >= wanted && bound.is_finite() {
                let (bound_below, count_below) = below;
                return Some(
                    bound_below + (bound - bound_below) * (wanted - count_below) / (sample.value - count_below),
                );
            }
            below = (if bound.is_finite() { bound } else { below.0 }, sample.value);
        }
        (wanted > 0.0).then_some(below.0)
    }

    fn cache(&self) -> String {
        let count = |result| self.sum(("cache_lookups_total", &[("result", result)]));
        let (hits, all) = (count("hit"), count("hit") + count("miss"));
        if self.values("cache_entries", "").is_empty() {
            return "remembered   nothing: the cache is off\n\n".into();
        }
        let part = if all > 0.0 { format!(" ({:.0} %)", 100.0 * hits / all) } else { String::new() };
        format!("remembered   {hits} of {all} requests{part}; {} passwords\n\n", self.sum(("cache_entries", &[])))
    }

    fn connections(&self) -> String {
        let number = |name| self.sum((name, &[]));
        let waiting = self.each("queue_waiting", "backend", "");
        format!(
            "connections  {} open, {} of them without a request yet; {} of servers with whole exchanges\nturned away  {}; {} more had to wait after wrong passwords\nwaiting      {waiting}; {} found the queue full\n",
            number("connections_open"),
            number("connections_incomplete"),
            number("exchange_connections_open"),
            self.each("turned_away_total", "reason", ""),
            number("held_back_total"),
            number("queue_refused_total"),
        )
    }

    fn helpers(&self) -> String {
        let mut text = String::new();
        for kind in self.values("helpers", "kind") {
            let labels = [("kind", kind)];
            let number = |name| self.sum((name, &labels));
            let _ = writeln!(
                text,
                "helpers      {kind}: {}; {} started, {} not; of them {}",
                self.each("helpers", "state", kind),
                number("helper_starts_total"),
                number("helper_start_failures_total"),
                self.each("helper_ends_total", "reason", kind),
            );
        }
        text
    }

    fn trouble(&self) -> String {
        let number = |name| self.sum((name, &[]));
        let (suppressed, lost) = (number("log_suppressed_total"), number("log_lost_total"));
        let mut text = format!("log          {suppressed} lines left out, {lost} lost\n");
        if !self.values("store_errors_total", "").is_empty() {
            let _ = writeln!(text, "store        {} errors", number("store_errors_total"));
        }
        text
    }

    /// The value of each sample of a name, and of a kind where there is one, behind the value of its label.
    fn each(&self, name: &str, label: &str, kind: &str) -> String {
        let of_kind = if kind.is_empty() { &[][..] } else { &[("kind", kind)] };
        let each = self
            .of((name, of_kind))
            .map(|sample| format!("{} {}", sample.label(label).replace('_', " "), sample.value));
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Sample {
    fn label(&self, wanted: &str) -> &str {
        self.labels.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value)
    }
}

/// A line of ours, none of whose values has a quotation mark.
fn sample(line: &str) -> Option<Sample> {
    let (name, value) = line.rsplit_once(' ')?;
    let (name, mut rest) = name.split_once('{').unwrap_or((name, ""));
    let mut labels = Vec::new();
    while let Some((label, behind)) = rest.split_once("=\"") {
        let (value, behind) = behind.split_once('"')?;
        labels.push((label.trim_start_matches(',').to_owned(), value.to_owned()));
        rest = behind;
    }
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

fn short(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{:.0} \u{b5}s", seconds * 1e6),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Family, Histogram, Page};

    #[test]
    fn a_sample_is_read_with_its_labels() {
        let read = sample("saslauthd_info{version=\"1\",mechanisms=\"sasldb,pam\"} 1").unwrap();
        assert_eq!((read.name.as_str(), read.value), ("saslauthd_info", 1.0));
        assert_eq!([read.label("version"), read.label("mechanisms"), read.label("other")], ["1", "sasldb,pam", ""]);
        assert_eq!(sample("saslauthd_a 0.5").map(|sample| (sample.labels.len(), sample.value)), Some((0, 0.5)));
        assert!(sample("saslauthd_a{b=\"c} 1").is_none() && sample("nothing").is_none());
    }

    #[test]
    fn times_are_told_from_their_buckets() {
        let (histogram, never) = (Histogram::default(), Histogram::default());
        (0..90).for_each(|_| histogram.add(Duration::from_millis(2)));
        (0..10).for_each(|_| histogram.add(Duration::from_secs(60)));
        let family = Family::histogram("saslauthd_check_duration_seconds", "");
        let mut page = Page::default();
        page.add_histogram(&family, &[("backend", "pam")], &histogram);
        page.add_histogram(&family, &[("backend", "ldap")], &never);
        let samples = Samples::read(&page.text());
        let half = samples.quantile("pam", 0.5).unwrap();
        assert!((0.001..0.0025).contains(&half), "{half}");
        assert_eq!(samples.quantile("pam", 0.99), Some(30.0), "longer than the last bound");
        assert_eq!(samples.quantile("ldap", 0.5), None);
        assert_eq!([0.00002, 0.085, 1.25].map(short), ["20 \u{b5}s", "85 ms", "1.2 s"]);
    }
}
