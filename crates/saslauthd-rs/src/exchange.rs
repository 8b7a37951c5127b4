//! Exchanges of mechanisms: what they ask is answered by the back ends, the store and the gate, as it is for requests of saslauthd.

use crate::{
    check::Checker,
    gate::Pass,
    gate::Refused,
    outcome::{Ending, Outcome},
    peer::Client,
    session::Service,
};
use sasl_core::{
    catalogue::STANDARD,
    channel::Channel,
    failure::{Failure, Reason},
    guarantees::Guarantees,
    host::Host,
    identity::{Login, Realm},
    mechanism::SuccessData,
    policy::Policy,
    server::Server,
    step::{Ask, AskPassword, AskVerifier, Challenge, Reply, Step, Success, Verdict},
};
use sasl_remote::attempt::{Answer, Attempt};
use sasl_wire::saslauthd::Request;
use sasldb::users::realm_of_this_host;
use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    os::unix::net::UnixStream,
    rc::Rc,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// What is offered where nobody says what: with a store of ours, and without.
const OF_A_STORE: &str = "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN";
const OF_OTHERS: [&str; 2] = ["PLAIN", "LOGIN"];

/// Servers for so many services are kept; who makes up more has each of them made anew.
const MOST_SERVICES: usize = 16;

/// The bits of a channel of which nothing is known but that it is protected.
const PROTECTED: u32 = 256;

/// Where exchanges begin.
pub struct Exchanges {
    service: Rc<Service>,
    mech_list: String,
    made: RefCell<Made>,
}

/// The servers that there are, for what passwords were checked by when they were made.
#[derive(Default)]
struct Made {
    checker: Option<Rc<Checker>>,
    servers: HashMap<(String, bool), Rc<Server>>,
}

/// What challenges call it.
fn host() -> String {
    realm_of_this_host().map(|realm| realm.to_string()).unwrap_or_default()
}

/// An exchange that is to begin.
#[expect(clippy::exhaustive_structs, reason = "made by who speaks with the client")]
#[derive(Debug)]
pub struct Start {
    /// Who asks, and for whom.
    pub client: Client,
    /// The mechanism.
    pub mechanism: String,
    /// For what it is.
    pub service: String,
    /// What is below.
    pub channel: Channel,
    /// Whether data can come with a success.
    pub success_data: SuccessData,
    /// What the client has sent along.
    pub initial: Option<Zeroizing<Vec<u8>>>,
}

/// What comes next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 4422 knows no fourth")]
pub enum Turn {
    /// A challenge for the client.
    Challenge(Box<Exchange>),
    /// Somebody came in.
    Ok {
        /// Who.
        user: Vec<u8>,
        /// Data that come with it.
        data: Option<Vec<u8>>,
    },
    /// Nobody did.
    Fail {
        /// Who it was to be, where that is known.
        user: Option<Vec<u8>>,
        /// Why.
        reason: Reason,
    },
}

/// One that waits for the client's response.
pub struct Exchange {
    challenge: Challenge,
    state: State,
}

/// What is known of an exchange beside what the mechanism knows.
struct State {
    client: Client,
    mechanism: String,
    service: String,
    begun: Instant,
    /// Whose verifier was asked for.
    login: Option<Login>,
    /// What it comes to for them unless they prove themselves.
    otherwise: Answer,
    /// While it is looked at what they have proved.
    pass: Option<Pass>,
    throttled: Duration,
    /// Whether what it comes to is in the log.
    is_settled: bool,
}

impl Exchanges {
    /// Checks by `service`. What is to be offered, best first, is in `mech_list`; where that is empty, all that there is something kept for.
    #[must_use]
    pub fn new(service: Rc<Service>, mech_list: String) -> Self {
        Self { service, mech_list, made: RefCell::default() }
    }

    /// What can be begun, best first, with what each withstands.
    #[must_use]
    pub fn offer(&self) -> Vec<(String, Guarantees)> {
        let somebody = Channel::tls(PROTECTED).with_external("somebody");
        let names: Vec<_> = self.server("", SuccessData::AsChallenge).offer(&somebody).collect();
        let guarantees = |name: &str| {
            STANDARD.iter().find(|mechanism| mechanism.name.is(name)).map(|mechanism| mechanism.guarantees)
        };
        names.iter().filter_map(|name| Some((name.to_string(), guarantees(name.as_str())?))).collect()
    }

    /// Somebody has sent what makes no sense.
    pub fn turn_away(&self, stream: &UnixStream, why: &str) {
        self.service.turn_away(stream, &why);
    }

    /// So many connections there are by which they come.
    pub fn note(&self, connections: usize) {
        self.service.note_of_exchanges(connections);
    }

    /// Begins one.
    pub async fn begin(&self, start: Start) -> Turn {
        let Start { client, mechanism, service, channel, success_data, initial } = start;
        let step = self.server(&service, success_data).start(
            &channel,
            &mechanism,
            initial.as_ref().map(|initial| &***initial),
        );
        self.advance(step, State::new(client, mechanism, service)).await
    }

    /// Carries one on with the client's response.
    pub async fn respond(&self, exchange: Exchange, response: &[u8]) -> Turn {
        let Exchange { challenge, mut state } = exchange;
        if state.login.is_some() && Box::pin(self.pass(&mut state)).await.is_err() {
            return self.refuse(state);
        }
        self.advance(challenge.respond(response), state).await
    }

    async fn advance(&self, mut step: Step, mut state: State) -> Turn {
        loop {
            step = match step {
                Step::Reply(Reply::Continue(challenge)) => {
                    // Nothing is decided, and a client may take its time.
                    state.pass = None;
                    return Turn::Challenge(Box::new(Exchange { challenge, state }));
                }
                Step::Reply(Reply::Done(success)) => return self.succeed(state, &success),
                Step::Reply(Reply::Fail(failure)) => return self.fail(state, failure),
                Step::Ask(Ask::Password(ask)) => self.check_password(ask, &mut state).await,
                Step::Ask(Ask::Verifier(ask)) => match Box::pin(self.find_verifier(ask, &mut state)).await {
                    Some(step) => step,
                    None => return self.refuse(state),
                },
                // Nobody here acts as another, and no back end knows tokens.
                Step::Ask(ask) => ask.defer(),
            }
        }
    }

    async fn check_password(&self, ask: AskPassword, state: &mut State) -> Step {
        let login = ask.login().clone();
        let attempt = Attempt {
            login: login.user().as_bytes().to_vec(),
            password: ask.password().clone(),
            service: state.service.clone().into_bytes(),
            realm: login.realm().map(|realm| realm.as_bytes().to_vec()).unwrap_or_default(),
        };
        let outcome = self.service.check_password(&attempt, &state.client).await;
        (state.login, state.is_settled) = (Some(login), true);
        ask.answer(match outcome.ending {
            Ending::Accepted => Verdict::Accept,
            Ending::Refused | Ending::Unknown | Ending::Throttled => Verdict::Reject,
            Ending::Unavailable | Ending::Overloaded => Verdict::Defer,
        })
    }

    /// `None` where it may not be looked at.
    async fn find_verifier(&self, ask: AskVerifier, state: &mut State) -> Option<Step> {
        state.login = Some(ask.login().clone());
        self.pass(state).await.ok()?;
        let checker = self.service.checker();
        let found = match checker.first() {
            Some(sasldb) => sasldb.verifier(&state.request(), ask.scheme()),
            None => Err(Answer::unavailable("there is no store of ours")),
        };
        let (verifier, otherwise) = match found {
            Ok(verifier) => (Some(verifier), Answer::refused("wrong password")),
            Err(answer) => (None, answer),
        };
        state.otherwise = otherwise;
        let cannot_be_told = Outcome::new("sasldb", state.otherwise.clone()).ending == Ending::Unavailable;
        Some(if cannot_be_told { Ask::Verifier(ask).defer() } else { ask.answer(verifier) })
    }

    /// Waits at the gate, so that wrong proofs cost as much as wrong passwords.
    async fn pass(&self, state: &mut State) -> Result<(), Refused> {
        if state.pass.is_none() && !state.is_settled {
            let (pass, held_back) = self.service.pass(&state.request(), &state.client).await?;
            state.pass = Some(pass);
            state.throttled += held_back;
        }
        Ok(())
    }

    fn succeed(&self, mut state: State, success: &Success) -> Turn {
        let backend = if state.login.is_some() { "sasldb" } else { "none" };
        state.login.get_or_insert_with(|| success.identity().login().clone());
        self.settle(&mut state, Outcome::new(backend, Answer::accepted(success.identity().mechanism().to_string())));
        Turn::Ok { user: success.identity().acts_as().to_bytes(), data: success.data().map(<[u8]>::to_vec) }
    }

    fn fail(&self, mut state: State, failure: Failure) -> Turn {
        let reason = failure.reason();
        match (reason, &state.login) {
            (Reason::BadCredentials | Reason::Unavailable, Some(_)) => {
                let outcome = Outcome::new("sasldb", state.otherwise.clone());
                self.settle(&mut state, outcome);
            }
            _ if state.is_settled => {}
            _ => {
                let why = format!("{}: {}", state.mechanism.escape_debug(), failure.cause());
                self.service.turn_away(&state.client.stream, &why);
            }
        }
        Turn::Fail { user: state.login.map(|login| login.to_bytes()), reason }
    }

    fn refuse(&self, mut state: State) -> Turn {
        self.settle(&mut state, Outcome::throttled());
        Turn::Fail { user: state.login.map(|login| login.to_bytes()), reason: Reason::BadCredentials }
    }

    fn settle(&self, state: &mut State, outcome: Outcome) {
        let pass = state.pass.take();
        if state.is_settled {
            return;
        }
        match (pass, outcome.ending) {
            (Some(pass), Ending::Accepted) => pass.succeeded(),
            (Some(pass), Ending::Refused | Ending::Unknown) => pass.failed(),
            _ => {}
        }
        let outcome = Outcome { took: state.begun.elapsed(), throttled: state.throttled, ..outcome };
        self.service.settle(&state.client.stream, &state.request(), &outcome);
        state.is_settled = true;
    }

    /// The server for a service, which is made when it is first asked for, and anew when configuration was read again.
    fn server(&self, service: &str, success_data: SuccessData) -> Rc<Server> {
        let (made, checker) = (&mut *self.made.borrow_mut(), self.service.checker());
        if !made.checker.as_ref().is_some_and(|known| Rc::ptr_eq(known, &checker)) {
            *made = Made { checker: Some(Rc::clone(&checker)), servers: HashMap::new() };
        }
        let key = (service.to_ascii_lowercase(), success_data == SuccessData::Carried);
        if let Some(server) = made.servers.get(&key) {
            return Rc::clone(server);
        }
        let (server, is_lasting) = self.make(&checker, &key.0, success_data);
        let server = Rc::new(server);
        if is_lasting && made.servers.len() < MOST_SERVICES {
            made.servers.insert(key, Rc::clone(&server));
        }
        server
    }

    /// And whether it will do for longer: not while there is no store to say whom it pretends to know.
    fn make(&self, checker: &Checker, service: &str, success_data: SuccessData) -> (Server, bool) {
        let server = Server::builder(STANDARD, Host::new(service, &host()))
            .policy(Policy::default().demanding(Guarantees::NO_ANONYMOUS))
            .success_data(success_data);
        let names = if self.mech_list.is_empty() { OF_A_STORE } else { &self.mech_list };
        let words = names.split_whitespace();
        let Some(sasldb) = checker.first() else {
            let names = words.filter(|word| OF_OTHERS.iter().any(|name| name.eq_ignore_ascii_case(word)));
            return (server.mech_list(names).build(), true);
        };
        let server = match Realm::parse(sasldb.realm(b"")) {
            Ok(realm) => server.default_realm(realm),
            Err(_) => server,
        };
        match sasldb.secret() {
            Ok(secret) => (server.decoy_secret(secret).mech_list(words).build(), true),
            Err(_) => (server.mech_list(words).build(), false),
        }
    }
}

impl Exchange {
    /// What to send to the client, before base64.
    #[must_use]
    pub fn challenge(&self) -> &[u8] {
        self.challenge.message()
    }
}

impl State {
    fn new(client: Client, mechanism: String, service: String) -> Self {
        Self {
            client,
            mechanism,
            service,
            begun: Instant::now(),
            login: None,
            otherwise: Answer::refused("wrong password"),
            pass: None,
            throttled: Duration::ZERO,
            is_settled: false,
        }
    }

    /// As a request of saslauthd has it.
    fn request(&self) -> Request<'_> {
        let login = self.login.as_ref();
        Request {
            login: login.map(|login| login.user().as_bytes()).unwrap_or_default(),
            password: b"",
            service: self.service.as_bytes(),
            realm: login.and_then(Login::realm).map(Realm::as_bytes).unwrap_or_default(),
            client: self.client.address.as_deref(),
        }
    }
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchanges({})", self.made.borrow().servers.len())
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({})", self.state.mechanism.escape_debug())
    }
}
