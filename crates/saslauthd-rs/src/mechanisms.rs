//! Which mechanisms `-a` names, and what `-O` says of each.

use crate::{exit::Failure, helper::backend::Kind};
use sasldb::location::Location;
use std::{
    fmt::Display,
    path::{PathBuf, absolute},
};

/// A mechanism, with what `-O` says of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Mechanism {
    /// A store of ours.
    Sasldb(Location),
    /// PAM, or the files of this host.
    Host(Kind),
    /// The servers.
    Rimap(String),
    /// The configuration file.
    Ldap(PathBuf),
    /// The configuration file.
    Httpform(PathBuf),
}

impl Mechanism {
    /// Whether it needs helpers of that kind: a directory may have hashes of crypt(3).
    #[must_use]
    pub fn takes(&self, kind: Kind) -> bool {
        match self {
            Self::Host(own) => *own == kind,
            Self::Ldap(_) => kind == Kind::Crypt,
            Self::Sasldb(_) | Self::Rimap(_) | Self::Httpform(_) => false,
        }
    }

    /// Whether it asks another server.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Rimap(_) | Self::Ldap(_) | Self::Httpform(_))
    }
}

/// In the original's order, and ours behind them.
pub const NAMES: [&str; 7] = ["sasldb", "getpwent", "pam", "rimap", "shadow", "ldap", "httpform"];

/// What the original has as well.
pub const MISSING: &str = "kerberos5";

const CONFIGURATION: &str = "/etc/saslauthd.conf";

/// Reads a list with commas, and the options in the order in which they were typed.
///
/// # Errors
/// A [`Failure`] that names the flag.
pub fn read<'a>(list: Option<&str>, options: impl Iterator<Item = &'a str>) -> Result<Vec<Mechanism>, Failure> {
    let Some(list) = list else {
        return Err(Failure::new("no authentication mechanism specified; try -a sasldb, or -h for help"));
    };
    let names: Vec<_> = list.split(',').map(|name| known(name.trim())).collect::<Result<_, _>>()?;
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(Failure::new(format!("-a: {twice} is there twice")));
    }
    match &*names {
        [alone] => Ok(vec![mechanism(alone, options.last().map(|option| without_name(option, alone)))?]),
        several => {
            let options: Vec<_> = options.map(|option| named(option, several)).collect::<Result<_, _>>()?;
            let of = |name: &str| options.iter().rev().find(|option| option.0 == name).map(|option| option.1);
            several.iter().map(|name| mechanism(name, of(name))).collect()
        }
    }
}

fn known(name: &str) -> Result<&'static str, Failure> {
    if name.eq_ignore_ascii_case(MISSING) {
        return Err(Failure::new(format!("failed to initialize mechanism {MISSING}: not in this version")));
    }
    let known = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let names = NAMES.join(", ");
        Failure::new(format!(
            "unknown authentication mechanism: {name}; there are {names}, and several with commas between"
        ))
    })
}

/// An option from a chain still fits where one mechanism is left of it.
fn without_name<'o>(option: &'o str, name: &str) -> &'o str {
    option.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).unwrap_or(option)
}

/// Which of several mechanisms an option is for.
fn named<'o>(option: &'o str, names: &[&str]) -> Result<(&'o str, &'o str), Failure> {
    match option.split_once('=') {
        Some((name, text)) if names.contains(&name) => Ok((name, text)),
        Some((name, _)) if NAMES.contains(&name) => {
            Err(Failure::new(format!("-O: {name} is none of -a {}", names.join(","))))
        }
        _ => Err(Failure::new(format!("-O: {option}: with several mechanisms it must be MECHANISM=OPTION"))),
    }
}

/// Files are found from where the program was started, not from the run directory that it goes to.
fn mechanism(name: &str, option: Option<&str>) -> Result<Mechanism, Failure> {
    let given = option.filter(|option| !option.is_empty());
    let wrong = |error: &dyn Display| Failure::new(format!("-O: {error}"));
    let file = || absolute(given.unwrap_or(CONFIGURATION)).map_err(|error| wrong(&error));
    Ok(match name {
        "pam" => Mechanism::Host(Kind::Pam),
        "shadow" => Mechanism::Host(Kind::Shadow),
        "getpwent" => Mechanism::Host(Kind::Getpwent),
        "rimap" => Mechanism::Rimap(given.unwrap_or_default().into()),
        "ldap" => Mechanism::Ldap(file()?),
        "httpform" => Mechanism::Httpform(file()?),
        _ => {
            let location = given.map(Location::parse).unwrap_or_default().absolute();
            Mechanism::Sasldb(location.map_err(|error| wrong(&error))?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(list: &str, options: &[&str]) -> Result<Vec<Mechanism>, String> {
        read(Some(list), options.iter().copied()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn one_takes_its_option_as_it_is() {
        assert_eq!(asked("SaslDB", &[]).unwrap(), [Mechanism::Sasldb(Location::default())]);
        assert_eq!(asked("sasldb", &["/x", "/y"]).unwrap(), [Mechanism::Sasldb(Location::parse("/y"))]);
        let here = std::env::current_dir().unwrap();
        assert_eq!(asked("sasldb", &["db"]).unwrap(), [Mechanism::Sasldb(Location::parse(here.join("db")))]);
        assert_eq!(asked("ldap", &[""]).unwrap(), [Mechanism::Ldap(CONFIGURATION.into())]);
        assert_eq!(asked("httpform", &["c"]).unwrap(), [Mechanism::Httpform(here.join("c"))]);
        assert_eq!(asked("rimap", &["a=b/143"]).unwrap(), [Mechanism::Rimap("a=b/143".into())]);
        assert_eq!(asked("rimap", &["rimap=a/143"]).unwrap(), [Mechanism::Rimap("a/143".into())]);
        assert_eq!(asked("pam", &["ignored"]).unwrap(), [Mechanism::Host(Kind::Pam)]);
    }

    #[test]
    fn several_have_theirs_named() {
        let both = asked("sasldb, LDAP", &["ldap=/a=b", "sasldb=/x", "sasldb=/y"]).unwrap();
        assert_eq!(both, [Mechanism::Sasldb(Location::parse("/y")), Mechanism::Ldap("/a=b".into())]);
        assert_eq!(asked("ldap,shadow", &[]).unwrap()[0], Mechanism::Ldap(CONFIGURATION.into()));
    }

    #[test]
    fn what_is_refused() {
        for (list, options, words) in [
            ("", &[][..], "unknown authentication mechanism: "),
            ("sasldb,", &[], "unknown authentication mechanism: "),
            ("nosuch", &[], "unknown authentication mechanism: nosuch"),
            ("sasldb,Kerberos5", &[], "kerberos5: not in this version"),
            ("pam,sasldb,PAM", &[], "-a: pam is there twice"),
            ("sasldb,pam", &["/x"], "-O: /x: with several mechanisms"),
            ("sasldb,pam", &["ldap=/x"], "-O: ldap is none of -a sasldb,pam"),
        ] {
            let said = asked(list, options).unwrap_err();
            assert!(said.contains(words), "{list}: {said}");
        }
    }
}
