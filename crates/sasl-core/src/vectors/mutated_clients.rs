//! Recorded clients against our server, with one octet of theirs changed. Nothing panics, and nobody gets in by a message
//! with another proof, or with the same proof of something else.

use super::{
    Exchange, exchanges,
    mutants::mutants,
    server::{Accounts, Kept, own_realms, set_up_with},
};
use crate::{
    channel::Channel,
    identity::Login,
    mechanisms::digest_md5::Directives,
    reauth::Reauth,
    server::{Server, ServerBuilder},
    step::{Ask, Reply, Step, TokenVerdict, Verdict},
    store::Store,
    verifier::{Scheme, Verifier, argon2id::Memory},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// What a store was asked in a recorded exchange, and how it answered. It knows nothing else: whoever gets in has said
/// a name and a secret that were recorded.
#[derive(Default)]
struct Known {
    verifiers: HashMap<(Login, Scheme), Option<Verifier>>,
    passwords: HashMap<(Login, Vec<u8>), Verdict>,
    owners: HashMap<Vec<u8>, TokenVerdict>,
    proxies: HashMap<(Login, Login), Verdict>,
}

impl Known {
    /// Lets `accounts` answer, and remembers it.
    fn learn(&mut self, ask: Ask, accounts: &Accounts) -> Step {
        match &ask {
            Ask::Verifier(ask) => {
                let found = accounts.verifier(ask.login(), ask.scheme()).unwrap();
                self.verifiers.insert((ask.login().clone(), ask.scheme()), found);
            }
            Ask::Password(ask) => {
                let found = accounts.verifiers(ask.login()).unwrap();
                let fits = found.is_some_and(|found| found.check(ask.password().expose(), &mut Memory::default()));
                let verdict = if fits { Verdict::Accept } else { Verdict::Reject };
                self.passwords.insert((ask.login().clone(), ask.password().expose().to_vec()), verdict);
            }
            Ask::Token(ask) => {
                self.owners.insert(ask.token().expose().to_vec(), accounts.owner(ask.token(), ask.claimed()));
            }
            Ask::Proxy(ask) => {
                let verdict = accounts.may_act_as(ask.login(), ask.acts_as());
                self.proxies.insert((ask.login().clone(), ask.acts_as().clone()), verdict);
            }
        }
        self.recall(ask)
    }

    fn recall(&self, ask: Ask) -> Step {
        match ask {
            Ask::Verifier(ask) => {
                let found = self.verifiers.get(&(ask.login().clone(), ask.scheme())).cloned();
                ask.answer(found.flatten())
            }
            Ask::Password(ask) => {
                let verdict = self.passwords.get(&(ask.login().clone(), ask.password().expose().to_vec())).copied();
                ask.answer(verdict.unwrap_or(Verdict::Reject))
            }
            Ask::Token(ask) => match self.owners.get(ask.token().expose()).cloned() {
                Some(verdict) => ask.answer(verdict),
                None => ask.answer(TokenVerdict::Defer),
            },
            Ask::Proxy(ask) => {
                let verdict = self.proxies.get(&(ask.login().clone(), ask.acts_as().clone())).copied();
                ask.answer(verdict.unwrap_or(Verdict::Reject))
            }
        }
    }
}

/// A server as it was when a client was recorded, and what the client said.
struct Recording {
    exchange: Exchange,
    server: Server,
    channel: Channel,
    messages: Vec<Vec<u8>>,
    /// Whether the first of them came along with the name of the mechanism.
    initial: bool,
}

/// How an exchange ended, and how many messages of the client were read until then.
struct End {
    entered: bool,
    read: usize,
}

impl Recording {
    fn of(exchange: Exchange, also: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (server, initial, responses) = set_up_with(exchange, also);
        let channel = exchange.servers_channel();
        let first = initial.is_some();
        Self { exchange, server, channel, messages: initial.into_iter().chain(responses).collect(), initial: first }
    }

    /// Runs it to its end, with the message of that place replaced.
    fn run(&self, changed: Option<(usize, &[u8])>, mut answer: impl FnMut(Ask) -> Step) -> End {
        let message = |at: usize| match changed {
            Some((place, mutant)) if place == at => Some(mutant),
            _ => self.messages.get(at).map(Vec::as_slice),
        };
        let mut read = usize::from(self.initial);
        let initial = message(0).filter(|_| self.initial);
        let mut step = self.server.start(&self.channel, self.exchange.mechanism(), initial);
        loop {
            step = match step {
                Step::Ask(ask) => answer(ask),
                Step::Reply(Reply::Continue(challenge)) if read <= self.messages.len() => {
                    read += 1;
                    // Peers that carried their proof with their success had no empty response to record.
                    challenge.respond(message(read - 1).unwrap_or_default())
                }
                Step::Reply(reply) => return End { entered: matches!(reply, Reply::Done(_)), read },
            }
        }
    }

    /// Runs it as it was recorded.
    fn learn(&self) -> (Known, End) {
        let (exchange, realms) = (self.exchange, own_realms(self.exchange));
        let accounts = Accounts { exchange, kept: Kept::AsVerifiers, realms, proxy: Verdict::Accept };
        let mut known = Known::default();
        let end = self.run(None, |ask| known.learn(ask, &accounts));
        (known, end)
    }

    /// Runs it with every mutant of every message that is read, and each time calls `before` first.
    fn mutate(&self, tally: &mut Tally, before: impl Fn()) {
        before();
        let (known, end) = self.learn();
        for (place, message) in self.messages.iter().enumerate().take(end.read) {
            for mutant in mutants(message) {
                before();
                tally.tried += 1;
                if self.run(Some((place, &mutant)), |ask| known.recall(ask)).entered {
                    let why = self.excuse(place, &mutant).unwrap_or_else(|| self.complain(message, &mutant));
                    *tally.entered.entry(why).or_default() += 1;
                }
            }
        }
    }

    /// Why this mutant of the message of that place may get in: it says the same, or what it says does not matter.
    fn excuse(&self, place: usize, mutant: &[u8]) -> Option<Excuse> {
        let contains = |text: &[u8]| mutant.windows(text.len()).any(|window| window == text);
        let same_hash = || hashed(mutant).is_some() && hashed(mutant) == hashed(&self.messages[place]);
        match self.exchange.mechanism() {
            "DIGEST-MD5" if same_hash() => Some(Excuse::SameHash),
            "DIGEST-MD5" if place == 0 && self.initial && self.messages.len() > 1 => Some(Excuse::PassedOver),
            "OAUTHBEARER" | "XOAUTH2" if TOKEN_ENDS.iter().any(|end| contains(end)) => Some(Excuse::SameToken),
            "EXTERNAL" if mutant.is_empty() => Some(Excuse::Itself),
            "ANONYMOUS" => Some(Excuse::NoProof),
            _ => None,
        }
    }

    fn complain(&self, message: &[u8], mutant: &[u8]) -> ! {
        let [message, mutant] = [message, mutant].map(|message| message.escape_ascii().to_string());
        panic!("{}: got in with\n{mutant}\nin place of\n{message}", self.exchange.id())
    }
}

/// How many mutants there were, and how many of them got in, by their excuse.
#[derive(Default)]
struct Tally {
    tried: usize,
    entered: BTreeMap<Excuse, usize>,
}

/// Why a mutant may get in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Excuse {
    /// What DIGEST-MD5 hashes is the same: neither case nor white space, quotes or unknown directives matter, nor what is
    /// not hashed (charset, maxbuf, cipher).
    SameHash,
    /// An initial response to a nonce of which nothing is remembered is passed over, whatever it is.
    PassedOver,
    /// The token is the same: neither host and port matter nor the case of `Bearer`.
    SameToken,
    /// The client acts as itself where it wanted to act as another.
    Itself,
    /// Nothing is proved: a trace is what it is.
    NoProof,
}

impl Tally {
    fn of(belongs: impl Fn(&str) -> bool) -> Self {
        let mut tally = Self::default();
        for exchange in exchanges().filter(|exchange| belongs(exchange.mechanism()) && exchange.id() != NO_SALT) {
            Recording::of(exchange, |builder| builder).mutate(&mut tally, || ());
        }
        tally
    }

    /// At least so many were tried, and at most so many got in by each excuse.
    fn check(&self, tried: usize, entered: &[(Excuse, usize)]) {
        let excuses: Vec<_> = self.entered.keys().collect();
        assert_eq!(excuses, entered.iter().map(|(excuse, _)| excuse).collect::<Vec<_>>());
        let few = entered.iter().all(|(excuse, most)| self.entered[excuse] <= *most);
        assert!(self.tried >= tried && few, "{:?} of {}", self.entered, self.tried);
    }
}

/// The ends of the recorded tokens.
const TOKEN_ENDS: [&[u8]; 3] = [b"hdmlzdGEuY29tCg==\x01", b"hdmlzdGEuY29tCg\x01", b"v9pfAKfSKyHapI\x01"];

/// A hand-made server before a client: its salt is no base64, so that nobody has keys for it.
const NO_SALT: &str = "cyclient-scram-x12";

/// What a digest-response has hashed, with its hash; where nothing was said, the default.
fn hashed(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let names = ["username", "realm", "nonce", "cnonce", "nc", "qop", "digest-uri", "authzid", "response"];
    let directives = Directives::parse(message).ok()?;
    let value = |name| {
        let default: &[u8] = if name == "qop" { b"auth" } else { b"" };
        directives.one(name).ok().map(|value| value.unwrap_or(default).to_vec())
    };
    names.into_iter().map(value).collect()
}

#[test]
fn no_mutant_of_scram_gets_in() {
    Tally::of(|mechanism| mechanism.starts_with("SCRAM-")).check(90_000, &[]);
}

#[test]
fn mutants_of_digest_md5_get_in_by_what_is_not_hashed_alone() {
    let tally = Tally::of(|mechanism| mechanism == "DIGEST-MD5");
    tally.check(200_000, &[(Excuse::SameHash, 9_000), (Excuse::PassedOver, 5_000)]);
}

#[test]
fn mutants_of_a_client_that_comes_back_get_in_by_what_is_not_hashed_alone() {
    let reauth = Arc::new(Reauth::new(100, Duration::MAX, || Duration::ZERO));
    let [first, second] = ["cy-digest-reauth-1", "cy-digest-reauth-2"].map(|id| {
        let exchange = exchanges().find(|exchange| exchange.id() == id).unwrap();
        Recording::of(exchange, |builder| builder.reauth(Arc::clone(&reauth)))
    });
    let (known, mut tally) = (first.learn().0, Tally::default());
    second.mutate(&mut tally, || assert!(first.run(None, |ask| known.recall(ask)).entered));
    tally.check(2_000, &[(Excuse::SameHash, 120)]);
}

#[test]
fn mutants_of_the_others_get_in_by_what_proves_nothing_alone() {
    let tally = Tally::of(|mechanism| mechanism != "DIGEST-MD5" && !mechanism.starts_with("SCRAM-"));
    tally.check(25_000, &[(Excuse::SameToken, 700), (Excuse::Itself, 2), (Excuse::NoProof, 500)]);
}
