//! The letters of sendmail's `AuthOptions` and the words of cyrus' security properties, read as a policy.

use crate::{guarantees::Guarantees, policy::Policy};
use std::{error, fmt, str::FromStr};

/// What `O AuthOptions=` says: demands on mechanisms, and one habit of the SMTP client.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuthOptions {
    /// `a c d f m p y`.
    pub demands: Guarantees,
    /// `A`: the client sends `AUTH=` with MAIL FROM only once it has authenticated.
    pub auth_param_when_authenticated: bool,
}

/// Security properties as cyrus names them: `noplaintext`, `noactive`, `nodictionary`, `forward_secrecy`,
/// `noanonymous`, `pass_credentials`, `mutual_auth`; `min_ssf=`, `max_ssf=` with a number of bits; `maxbufsize=` with one of bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SecurityProperties {
    /// The words.
    pub demands: Guarantees,
    /// `min_ssf`, in bits.
    pub min_ssf: u32,
    /// `max_ssf`, in bits.
    pub max_ssf: u32,
    /// `maxbufsize`, in bytes, where it was said.
    pub max_buffer: Option<u32>,
}

/// A letter or a word that neither we know nor the original.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    what: &'static str,
    text: String,
}

/// Whether an SMTP client has authenticated on this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Session {
    /// It has.
    Authenticated,
    /// It has not, or it failed.
    Unauthenticated,
}

impl AuthOptions {
    /// The demands, on top of nothing: without letters, plaintext is allowed in the clear and ANONYMOUS too,
    /// as sendmail has it.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::default().demanding(self.demands)
    }

    /// Whether an SMTP client adds `AUTH=` to MAIL FROM, on a connection where the server offered AUTH.
    #[must_use]
    pub fn sends_auth_param(&self, session: Session) -> bool {
        !self.auth_param_when_authenticated || session == Session::Authenticated
    }
}

impl SecurityProperties {
    /// The properties as a policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let policy = Policy::default().demanding(self.demands).with_strength(self.min_ssf, self.max_ssf);
        self.max_buffer.into_iter().fold(policy, Policy::with_max_buffer)
    }
}

/// Letters in any mix with commas and blanks. sendmail itself reads only the first letter of a run, so that
/// its `py` means `p`; what was meant is what we read.
impl FromStr for AuthOptions {
    type Err = Unknown;

    fn from_str(letters: &str) -> Result<Self, Unknown> {
        let mut options = Self::default();
        for letter in letters.chars().filter(|letter| !matches!(letter, ',' | ' ' | '\t')) {
            match letter {
                'A' => options.auth_param_when_authenticated = true,
                _ => options.demands = options.demands | demand_of_letter(letter)?,
            }
        }
        Ok(options)
    }
}

impl FromStr for SecurityProperties {
    type Err = Unknown;

    fn from_str(words: &str) -> Result<Self, Unknown> {
        let mut properties = Self::default();
        for word in words.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some(("min_ssf", bits)) => properties.min_ssf = number(word, bits)?,
                Some(("max_ssf", bits)) => properties.max_ssf = number(word, bits)?,
                Some(("maxbufsize", bytes)) => properties.max_buffer = Some(number(word, bytes)?),
                _ => properties.demands = properties.demands | demand_of_word(word)?,
            }
        }
        Ok(properties)
    }
}

fn demand_of_letter(letter: char) -> Result<Guarantees, Unknown> {
    Ok(match letter {
        'a' => Guarantees::NO_ACTIVE,
        'c' => Guarantees::PASS_CREDENTIALS,
        'd' => Guarantees::NO_DICTIONARY,
        'f' => Guarantees::FORWARD_SECRECY,
        'm' => Guarantees::MUTUAL_AUTH,
        'p' => Guarantees::NO_PLAINTEXT,
        'y' => Guarantees::NO_ANONYMOUS,
        _ => return Err(Unknown { what: "AuthOptions letter", text: letter.into() }),
    })
}

fn demand_of_word(word: &str) -> Result<Guarantees, Unknown> {
    Ok(match word {
        "noplaintext" => Guarantees::NO_PLAINTEXT,
        "noactive" => Guarantees::NO_ACTIVE,
        "nodictionary" => Guarantees::NO_DICTIONARY,
        "forward_secrecy" => Guarantees::FORWARD_SECRECY,
        "noanonymous" => Guarantees::NO_ANONYMOUS,
        "pass_credentials" => Guarantees::PASS_CREDENTIALS,
        "mutual_auth" => Guarantees::MUTUAL_AUTH,
        _ => return Err(Unknown { what: "security property", text: word.into() }),
    })
}

fn number(word: &str, digits: &str) -> Result<u32, Unknown> {
    digits.parse().map_err(|_| Unknown { what: "security property", text: word.into() })
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} {:?}", self.what, self.text)
    }
}

impl error::Error for Unknown {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_letters_however_they_are_separated() {
        for letters in ["A p y", "A,p,y", "Apy", "A p, y", " y,,p\tA"] {
            let options: AuthOptions = letters.parse().unwrap();
            assert!(options.auth_param_when_authenticated, "{letters}");
            assert_eq!(options.demands, Guarantees::NO_PLAINTEXT | Guarantees::NO_ANONYMOUS, "{letters}");
        }
    }

    #[test]
    fn each_letter_is_the_word_of_the_same_meaning() {
        let pairs = [
            ("a", "noactive"),
            ("c", "pass_credentials"),
            ("d", "nodictionary"),
            ("f", "forward_secrecy"),
            ("m", "mutual_auth"),
            ("p", "noplaintext"),
            ("y", "noanonymous"),
        ];
        for (letter, word) in pairs {
            let (letter, word): (AuthOptions, SecurityProperties) = (letter.parse().unwrap(), word.parse().unwrap());
            assert_eq!(letter.demands, word.demands);
            assert!(!letter.demands.is_none() && !letter.auth_param_when_authenticated);
        }
    }

    #[test]
    fn strengths_are_numbers_of_bits() {
        let properties: SecurityProperties = "noanonymous, min_ssf=56 max_ssf=256".parse().unwrap();
        assert_eq!((properties.min_ssf, properties.max_ssf), (56, 256));
        let policy = properties.policy();
        let small: SecurityProperties = "maxbufsize=4096".parse().unwrap();
        assert_eq!((small.policy().max_buffer(), policy.max_buffer()), (4096, 65536));
        assert_eq!((policy.demands(), policy.min_ssf(), policy.max_ssf()), (Guarantees::NO_ANONYMOUS, 56, 256));
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert_eq!("p,u".parse::<AuthOptions>().unwrap_err().to_string(), "unknown AuthOptions letter \"u\"");
        assert_eq!("P".parse::<AuthOptions>().unwrap_err().to_string(), "unknown AuthOptions letter \"P\"");
        for bad in ["noplain", "min_ssf=x", "min_ssf=-1", "maxbufsize=", "maxbuf=3"] {
            assert_eq!(
                bad.parse::<SecurityProperties>().unwrap_err().to_string(),
                format!("unknown security property {bad:?}")
            );
        }
    }

    #[test]
    fn the_auth_parameter_waits_for_authentication_under_the_capital_a_alone() {
        let (with, without): (AuthOptions, AuthOptions) = ("A".parse().unwrap(), "p".parse().unwrap());
        assert!(with.sends_auth_param(Session::Authenticated) && !with.sends_auth_param(Session::Unauthenticated));
        assert!(without.sends_auth_param(Session::Authenticated) && without.sends_auth_param(Session::Unauthenticated));
    }
}
