//! Binding by SASL (RFC 4513 section 5.2), with the mechanisms that sasl-core has.

use crate::ldap::{
    code,
    connection::{Answered, Connection, Fault, FaultKind},
    filter::Filter,
    message::{Dereference, Request, Scope, Search},
};
use sasl_core::{
    catalogue::STANDARD,
    client::Client,
    client_step::Response,
    credentials::Credentials,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    host::Host,
    policy::{Policy, Proxy},
};
use tokio::task::spawn_blocking;

/// How to choose a mechanism.
#[derive(Clone, Debug)]
pub(crate) struct Sasl {
    /// Without it, the best that the server offers.
    pub(crate) mechanism: Option<String>,
    pub(crate) properties: Properties,
}

/// The security properties of libldap, as far as they are of use without a layer of SASL's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Properties {
    demands: Guarantees,
    min_ssf: u32,
}

impl Sasl {
    /// Whether there is a mechanism of that name.
    pub(crate) fn knows(name: &str) -> bool {
        STANDARD.iter().any(|mechanism| mechanism.name.is(name))
    }

    /// The names of all.
    pub(crate) fn names() -> String {
        STANDARD.iter().map(|mechanism| mechanism.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Binds, and gives the server's last word.
    pub(crate) async fn bind(&self, connection: &mut Connection, credentials: Credentials) -> Result<Answered, Fault> {
        let channel = connection.channel.clone();
        let client = Client::new(STANDARD, Host::new("ldap", &connection.host), credentials)
            .with_policy(self.properties.policy());
        let (name, response) = match &self.mechanism {
            Some(name) => (name.to_ascii_uppercase(), client.start(&channel, name).map_err(unfit)?),
            None => {
                let offered = offered(connection).await?;
                let choice = client.choose(&channel, offered.iter().map(String::as_str)).map_err(unfit)?;
                (choice.name().as_str().to_owned(), choice.begin().map_err(unfit)?)
            }
        };
        exchange(connection, &name, response).await
    }
}

impl Properties {
    /// Reads libldap's words: `none`, `noplain`, `minssf=N`, ...
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut properties = Self { demands: Guarantees::NONE, min_ssf: 0 };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            properties.take(word).ok_or_else(|| format!("unknown security property {word:?}"))?;
        }
        Ok(properties)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        self.demands = self.demands
            | match word.split_once('=') {
                Some(("minssf", bits)) => {
                    self.min_ssf = bits.parse().ok()?;
                    Guarantees::NONE
                }
                // There is never a layer.
                Some(("maxssf" | "maxbufsize", number)) => number.parse::<u32>().ok().map(|_| Guarantees::NONE)?,
                Some(_) => return None,
                None => demand(word)?,
            };
        Some(())
    }

    fn policy(self) -> Policy {
        Policy::default().demanding(self.demands).with_strength(self.min_ssf, 0).with_proxy(Proxy::Ask)
    }
}

/// Those of libldap.
impl Default for Properties {
    fn default() -> Self {
        Self { demands: Guarantees::NO_ANONYMOUS | Guarantees::NO_PLAINTEXT, min_ssf: 0 }
    }
}

fn demand(word: &str) -> Option<Guarantees> {
    Some(match word {
        "none" => Guarantees::NONE,
        "noanonymous" => Guarantees::NO_ANONYMOUS,
        "noplain" => Guarantees::NO_PLAINTEXT,
        "noactive" => Guarantees::NO_ACTIVE,
        "nodict" => Guarantees::NO_DICTIONARY,
        "forwardsec" => Guarantees::FORWARD_SECRECY,
        "passcred" => Guarantees::PASS_CREDENTIALS,
        _ => return None,
    })
}

/// What the root of the server's tree says of its mechanisms (RFC 4512 section 5.1).
async fn offered(connection: &mut Connection) -> Result<Vec<String>, Fault> {
    let search = Search {
        base: Vec::new(),
        scope: Scope::Base,
        dereference: Dereference::Never,
        limits: (1, 0),
        filter: Filter::parse(b"(objectClass=*)").expect("it is in the grammar"),
        attribute: b"supportedSASLMechanisms".to_vec(),
    };
    let answered = connection.ask(&Request::Search(&search)).await?;
    let values = answered.entries.into_iter().flat_map(|entry| entry.values);
    Ok(values.filter_map(|value| String::from_utf8(value.to_vec()).ok()).collect())
}

async fn exchange(connection: &mut Connection, name: &str, mut response: Response) -> Result<Answered, Fault> {
    loop {
        let bind = Request::SaslBind { mechanism: name, message: response.message() };
        let answered = connection.ask(&bind).await?;
        match answered.code {
            code::SASL_BIND_IN_PROGRESS => {
                response = go_on(response, answered.data.unwrap_or_default()).await?.map_err(failed)?;
            }
            code::SUCCESS => {
                response.succeeded(answered.data.as_deref()).map_err(failed)?;
                return Ok(answered);
            }
            _ => return Ok(answered),
        }
    }
}

/// The next move, which may take a hash of many rounds.
async fn go_on(response: Response, challenge: Vec<u8>) -> Result<Result<Response, Failure>, Fault> {
    let moved = spawn_blocking(move || response.challenge(&challenge)).await;
    moved.map_err(|_| Fault::down("a thread was lost"))
}

/// Before anything was sent, what is malformed are the credentials.
fn unfit(failure: Failure) -> Fault {
    let kind = if failure.reason() == Reason::Malformed { FaultKind::Unfit } else { FaultKind::Denied };
    Fault { kind, ..failed(failure) }
}

fn failed(failure: Failure) -> Fault {
    Fault::denied(format!("SASL: {failure}: {}", failure.cause()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_libldap() {
        let properties = Properties::parse("noplain, noanonymous,nodict,minssf=56,maxssf=0,maxbufsize=65536").unwrap();
        let demands = Guarantees::NO_PLAINTEXT | Guarantees::NO_ANONYMOUS | Guarantees::NO_DICTIONARY;
        assert_eq!((properties.demands, properties.min_ssf), (demands, 56));
        assert!(Properties::parse("none").unwrap().demands.is_none());
        for text in ["noplaintext", "minssf=x", "minssf", "foo=1"] {
            assert!(Properties::parse(text).is_err(), "{text}");
        }
    }
}
