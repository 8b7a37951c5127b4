//! What the tests share: a server and its users, a client, and a protocol of our own that carries data with a success.
#![allow(dead_code, clippy::unwrap_used, reason = "for tests, each of which uses a part")]

use sasl_core::{
    catalogue,
    channel::Channel,
    client::Client,
    credentials::Credentials,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    host::Host,
    identity::{Login, Realm},
    line::{self, Outgoing},
    mechanism::SuccessData,
    name::MechanismName,
    policy::{Policy, Proxy},
    secret::Secret,
    server::Server,
    step::{Ask, Step, TokenError, TokenVerdict, Verdict},
    store::{Store, Unavailable},
    verifier::{Scheme, Verifiers, argon2id::Memory},
};
use sasl_io::{
    imap::Imap,
    pop3::Pop3,
    profile::{Heard, Profile, Refusal},
    server::Command,
    smtp::Smtp,
};
use std::sync::LazyLock;

pub(crate) const PASSWORD: &str = "pencil";
pub(crate) const TOKEN: &str = "a-bearer-token";
pub(crate) const MECHANISMS: [&str; 9] =
    ["SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2", "ANONYMOUS"];

/// `tim`, whom `PASSWORD` and `TOKEN` prove; nobody can tell anything of `absent`.
pub(crate) struct Users;

static TIM: LazyLock<Verifiers> = LazyLock::new(|| {
    let login = Login::parse("tim").unwrap();
    let realm = Realm::parse("mail.example.com").unwrap();
    let schemes: Vec<_> = Scheme::DERIVED.into_iter().filter(|scheme| *scheme != Scheme::Argon2id).collect();
    Verifiers::derive(&schemes, &login, &[realm], PASSWORD.as_bytes(), &mut Memory::default()).unwrap()
});

impl Store for Users {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        match login.user().as_bytes() {
            b"tim" => Ok(Some(TIM.clone())),
            b"absent" => Err(Unavailable),
            _ => Ok(None),
        }
    }

    fn owner(&self, token: &Secret, _claimed: Option<&Login>) -> TokenVerdict {
        match token.matches(TOKEN.as_bytes()) {
            true => TokenVerdict::Accept(Login::parse("tim").unwrap()),
            false => TokenVerdict::Reject(TokenError::InvalidToken),
        }
    }

    fn may_act_as(&self, _login: &Login, _other: &Login) -> Verdict {
        Verdict::Reject
    }
}

/// The same, for those who answer by themselves.
pub(crate) fn answer(ask: Ask) -> Step {
    Step::Reply(Step::Ask(ask).answered_by(&Users))
}

pub(crate) fn host() -> Host {
    Host::new("smtp", "mail.example.com")
}

/// Everything but a layer.
pub(crate) fn policy() -> Policy {
    Policy::default().demanding(Guarantees::NONE).with_proxy(Proxy::Ask)
}

pub(crate) fn server_with(policy: Policy, success_data: SuccessData) -> Server {
    Server::builder(catalogue::ALL, host()).policy(policy).success_data(success_data).build()
}

pub(crate) fn server<P: Profile>(_: &P) -> Server {
    server_with(policy(), P::SUCCESS_DATA)
}

/// A client for that mechanism.
pub(crate) fn client(mechanism: &str, password: &str) -> Client {
    let credentials = match mechanism {
        "OAUTHBEARER" | "XOAUTH2" => {
            let token = if password == PASSWORD { TOKEN } else { password };
            Credentials::with_token("tim", Secret::new(token))
        }
        "ANONYMOUS" => Credentials::anonymous("tim@example.com"),
        _ => Credentials::new("tim", Secret::new(password)),
    };
    Client::new(catalogue::ALL, host(), credentials).with_policy(policy())
}

pub(crate) fn tls() -> Channel {
    Channel::tls(256)
}

/// A protocol, and how its server reads the command.
pub(crate) trait Protocol: Profile + Clone + Send + 'static {
    fn command_of<'a>(&self, line: &'a [u8]) -> Command<'a>;
}

impl Protocol for Smtp {
    fn command_of<'a>(&self, line: &'a [u8]) -> Command<'a> {
        Command::parse(line.strip_prefix(b"AUTH ").unwrap())
    }
}

impl Protocol for Pop3 {
    fn command_of<'a>(&self, line: &'a [u8]) -> Command<'a> {
        Command::parse(line.strip_prefix(b"AUTH ").unwrap())
    }
}

impl Protocol for Imap {
    fn command_of<'a>(&self, line: &'a [u8]) -> Command<'a> {
        Command::parse(line.strip_prefix(b"a1 AUTHENTICATE ").unwrap())
    }
}

/// What ManageSieve (RFC 5804) says, but for its literals: strings are in quotes, and data goes with a success.
#[derive(Clone)]
pub(crate) struct Sieve;

impl Sieve {
    fn string(line: &[u8]) -> Option<&[u8]> {
        line.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}

impl Profile for Sieve {
    const SUCCESS_DATA: SuccessData = SuccessData::Carried;

    fn challenge(&self, message: &[u8]) -> Outgoing {
        Outgoing::new("\"").base64(message).text("\"")
    }

    fn success(&self, data: Option<&[u8]>) -> Outgoing {
        match data {
            Some(data) => Outgoing::new("OK (SASL \"").base64(data).text("\")"),
            None => Outgoing::new("OK"),
        }
    }

    fn failure(&self, reason: Reason) -> Outgoing {
        Outgoing::new("NO \"").text(reason.text()).text("\"")
    }

    fn read_response(&self, line: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
        line::decode_response(Self::string(line).ok_or(Failure::malformed("no string"))?)
    }

    fn longest_command(&self) -> usize {
        1024
    }

    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing {
        let command = Outgoing::new("AUTHENTICATE \"").text(mechanism.as_str()).text("\"");
        match initial {
            Some(initial) => command.text(" \"").base64(initial).text("\""),
            None => command,
        }
    }

    fn response(&self, message: &[u8]) -> Outgoing {
        self.challenge(message)
    }

    fn cancel(&self) -> Outgoing {
        Outgoing::new("\"*\"")
    }

    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>> {
        if let Some(data) = line.strip_prefix(b"OK (SASL \"") {
            return Some(Heard::Success(Some(data.strip_suffix(b"\")")?)));
        }
        match line {
            [b'O', b'K', ..] => Some(Heard::Success(None)),
            [b'N', b'O', ..] => Some(Heard::Refused(Refusal::Credentials)),
            line => Self::string(line).map(Heard::Challenge),
        }
    }
}

impl Protocol for Sieve {
    fn command_of<'a>(&self, line: &'a [u8]) -> Command<'a> {
        let words = line.strip_prefix(b"AUTHENTICATE ").unwrap().trim_ascii_end();
        let mut words = words.split(|octet| *octet == b' ').map(|word| Self::string(word).unwrap());
        let mechanism = str::from_utf8(words.next().unwrap()).unwrap();
        let initial = words.next().map(|initial| if initial.is_empty() { b"=" } else { initial });
        Command { mechanism, initial }
    }
}

pub(crate) fn imap() -> Imap {
    Imap::new("a1").unwrap()
}
