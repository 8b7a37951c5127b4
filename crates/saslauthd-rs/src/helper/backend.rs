//! What a helper checks passwords by.

use crate::{helper::answer::Answer, peer::host_of};
use sasl_system::{
    crypt::{Crypt, Match},
    finding::Finding,
    getpwent::Getpwent,
    library::Missing,
    pam::{Attempt, Pam},
    shadow::Shadow,
};
use sasl_wire::saslauthd::Request;
use std::{
    ffi::{CStr, CString, NulError},
    path::Path,
};
use zeroize::Zeroizing;

/// What there is on the command line: `--helper KIND`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "whoever starts one names one of these")]
pub enum Kind {
    /// PAM.
    Pam,
    /// The hash in shadow, and its dates.
    Shadow,
    /// The hash in passwd.
    Getpwent,
    /// The hash that comes in place of a login.
    Crypt,
}

/// One of them, loaded.
pub(super) enum Backend {
    Pam(Pam),
    Shadow(Shadow),
    Getpwent(Getpwent),
    Crypt(Crypt),
}

impl Kind {
    const ALL: [(Self, &str); 4] =
        [(Self::Pam, "pam"), (Self::Shadow, "shadow"), (Self::Getpwent, "getpwent"), (Self::Crypt, "crypt")];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(kind, known)| (known == name).then_some(kind))
    }

    /// The one of that number, in the order in which they are declared.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).map(|(kind, _)| *kind)
    }

    /// Its name, for a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl Backend {
    pub(super) fn load(kind: Kind) -> Result<Self, Missing> {
        Ok(match kind {
            Kind::Pam => Self::Pam(Pam::load()?),
            Kind::Shadow => Self::Shadow(Shadow::load(Path::new("/etc/shadow"))?),
            Kind::Getpwent => Self::Getpwent(Getpwent::load(Path::new("/etc/passwd"))?),
            Kind::Crypt => Self::Crypt(Crypt::load()?),
        })
    }

    /// What C cannot be told, since it has a NUL, is wrong.
    pub(super) fn check(&mut self, request: &Request<'_>) -> Answer {
        self.try_check(request).unwrap_or(Answer::at_once(Finding::Wrong))
    }

    fn try_check(&mut self, request: &Request<'_>) -> Result<Answer, NulError> {
        let login = Zeroizing::new(CString::new(request.login)?);
        let password = Zeroizing::new(CString::new(request.password)?);
        Ok(match self {
            Self::Pam(pam) => by_pam(pam, (&login, &password), request)?,
            Self::Shadow(shadow) => Answer::at_once(shadow.check(&login, &password)),
            Self::Getpwent(getpwent) => Answer::at_once(getpwent.check(&login, &password)),
            Self::Crypt(crypt) => Answer::at_once(match crypt.check(&password, &login) {
                Match::Right => Finding::Accepted,
                Match::Wrong | Match::NoHash => Finding::Wrong,
            }),
        })
    }
}

fn by_pam(pam: &Pam, (login, password): (&CStr, &CStr), request: &Request<'_>) -> Result<Answer, NulError> {
    let service = CString::new(service(request.service))?;
    let client = client(request).map(CString::new).transpose()?;
    let answer = pam.check(&Attempt { login, password, service: &service, client: client.as_deref() });
    Ok(Answer { finding: answer.finding, delay: answer.delay })
}

/// The name of the service's file. libpam takes a path by its last part, and knows no capitals; an empty name is none.
fn service(name: &[u8]) -> Vec<u8> {
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if last.is_empty() { b"other".to_vec() } else { last.to_ascii_lowercase() }
}

/// The address without the port behind it.
fn client<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    request.client.map(host_of).filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names() {
        for (kind, name) in Kind::ALL {
            assert_eq!((Kind::named(name), kind.name()), (Some(kind), name));
            assert_eq!(Kind::numbered(kind as u8), Some(kind));
        }
        assert_eq!(Kind::named("sasldb"), None);
    }

    #[test]
    fn a_service_is_the_last_part_of_what_came_in_lower_case() {
        for (came, is) in [
            ("smtp", "smtp"),
            ("IMAP", "imap"),
            ("../../tmp/Evil", "evil"),
            ("/etc/pam.d/su", "su"),
            ("", "other"),
            ("smtp/", "other"),
            ("/", "other"),
        ] {
            assert_eq!(service(came.as_bytes()), is.as_bytes(), "{came}");
        }
    }

    #[test]
    fn a_client_is_its_address() {
        let of = |client| client_of(client).map(|address| String::from_utf8(address.to_vec()).unwrap());
        assert_eq!(of(Some("192.0.2.1;25")).as_deref(), Some("192.0.2.1"));
        assert_eq!(of(Some("2001:db8::1;25")).as_deref(), Some("2001:db8::1"));
        assert_eq!(of(Some("192.0.2.1")).as_deref(), Some("192.0.2.1"));
        assert_eq!([of(Some("")), of(Some(";25")), of(None)], [None, None, None]);
    }

    fn client_of(client: Option<&'static str>) -> Option<&'static [u8]> {
        client_in(client.map(str::as_bytes))
    }

    fn client_in(client: Option<&'static [u8]>) -> Option<&'static [u8]> {
        super::client(&Request { login: b"", password: b"", service: b"", realm: b"", client })
    }

    #[test]
    fn a_nul_is_wrong_wherever_it_is() {
        let mut crypt = Backend::load(Kind::Crypt).unwrap();
        let request = Request { login: b"ab0ozUNIgzCZ.", password: b"hunter2", service: b"", realm: b"", client: None };
        assert_eq!(crypt.check(&request).finding, Finding::Accepted);
        for request in [Request { password: b"hunter2\0", ..request }, Request { login: b"ab0ozUNIgzCZ.\0", ..request }]
        {
            assert_eq!(crypt.check(&request).finding, Finding::Wrong);
        }
    }
}
