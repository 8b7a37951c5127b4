//! Exchanges of mechanisms: what they ask is answered by the back ends, the store and the gate, as it is for requests of saslauthd.

use crate::{
    check::Checker,
    configuration,
    gate::{Pass, Refused},
    outcome::{Ending, Outcome, Shown},
    peer::Client,
    session::Service,
    tally::TurnedAway,
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
use sasl_remote::attempt::{self, Answer, Attempt};
use sasl_wire::saslauthd::Request;
use sasldb::{
    record::{Stamp, Status},
    users::realm_of_this_host,
};
use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    os::unix::net::UnixStream,
    rc::Rc,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Servers for so many services are kept; who makes up more has each of them made anew.
const MOST_SERVICES: usize = 16;

/// The bits of a channel of which nothing is known but that it is protected.
const PROTECTED: u32 = 256;

/// Where exchanges begin.
pub struct Exchanges {
    service: Rc<Service>,
    configuration: configuration::Exchange,
    made: RefCell<Made>,
}

/// The servers that there are, for what passwords were checked by when they were made.
#[derive(Default)]
struct Made {
    checker: Option<Rc<Checker>>,
    servers: HashMap<String, Rc<Server>>,
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
    /// Whether data can come with a success: else they are a challenge before it.
    pub takes_data: bool,
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
pub struct Exchange(Waiting);

enum Waiting {
    /// For one that counts.
    Challenge(Challenge, Box<State>),
    /// For the empty one behind the data of a success.
    Last { user: Vec<u8>, data: Vec<u8> },
}

/// What is known of an exchange beside what the mechanism knows.
struct State {
    client: Client,
    mechanism: String,
    service: String,
    takes_data: bool,
    begun: Instant,
    /// Whose verifier was asked for, or whose password.
    login: Option<Login>,
    /// As it is looked up.
    name: Vec<u8>,
    /// What was found.
    stamp: Option<Stamp>,
    /// What it comes to for them unless they prove themselves.
    otherwise: Answer,
    /// While it is looked at what they have proved.
    pass: Option<Pass>,
    throttled: Duration,
    /// Whether what it comes to is in the log.
    is_settled: bool,
}

impl Exchanges {
    /// Checks by `service`, and offers what `configuration` says.
    #[must_use]
    pub fn new(service: Rc<Service>, configuration: configuration::Exchange) -> Self {
        Self { service, configuration, made: RefCell::default() }
    }

    /// What can be begun, best first, with what each withstands.
    #[must_use]
    pub fn offer(&self) -> Vec<(String, Guarantees)> {
        let somebody = Channel::tls(PROTECTED).with_external("somebody");
        let names: Vec<_> = self.server("").offer(&somebody).collect();
        let guarantees = |name: &str| {
            STANDARD.iter().find(|mechanism| mechanism.name.is(name)).map(|mechanism| mechanism.guarantees)
        };
        names.iter().filter_map(|name| Some((name.to_string(), guarantees(name.as_str())?))).collect()
    }

    /// Somebody has sent what makes no sense.
    pub fn turn_away(&self, stream: &UnixStream, why: &str) {
        self.service.turn_away(stream, &why);
    }

    /// A connection was closed for want of a place, or for another's sake.
    pub fn turned_away(&self, why: TurnedAway) {
        self.service.count_turned_away(why);
    }

    /// So many connections there are by which they come.
    pub fn note(&self, connections: usize) {
        self.service.note_of_exchanges(connections);
    }

    /// The whole name of a user whom a store of ours knows, and lets in.
    ///
    /// # Errors
    /// Why that cannot be told.
    pub fn find(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Answer> {
        let checker = self.service.checker();
        let sasldb = checker.first().ok_or(Answer::unavailable("there is no store of ours"))?;
        let Ok(login) = Login::parse(name) else { return Ok(None) };
        let login = login.or_in(Realm::parse(sasldb.realm(b"")).ok().as_ref());
        Ok((sasldb.status(&login)? == Some(Status::Enabled)).then(|| login.to_bytes()))
    }

    /// Begins one.
    pub async fn begin(&self, start: Start) -> Turn {
        let Start { client, mechanism, service, channel, takes_data, initial } = start;
        let initial = initial.as_ref().map(|initial| &***initial);
        let step = self.server(&service).start(&channel, &mechanism, initial);
        self.advance(step, State::new(client, (mechanism, service), takes_data)).await
    }

    /// Carries one on with the client's response.
    pub async fn respond(&self, exchange: Exchange, response: &[u8]) -> Turn {
        match exchange.0 {
            Waiting::Last { user, .. } if response.is_empty() => Turn::Ok { user, data: None },
            Waiting::Last { user, .. } => Turn::Fail { user: Some(user), reason: Reason::Malformed },
            Waiting::Challenge(challenge, mut state) => {
                if state.login.is_some() && Box::pin(self.pass(&mut state)).await.is_err() {
                    return self.refuse(*state);
                }
                self.advance(challenge.respond(response), *state).await
            }
        }
    }

    async fn advance(&self, mut step: Step, mut state: State) -> Turn {
        loop {
            step = match step {
                Step::Reply(Reply::Continue(challenge)) => {
                    // Nothing is decided, and a client may take its time.
                    state.pass = None;
                    return Turn::Challenge(Box::new(Exchange(Waiting::Challenge(challenge, Box::new(state)))));
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
        state.is_about(ask.login().clone(), &self.service.checker());
        self.pass(state).await.ok()?;
        let checker = self.service.checker();
        let found = match checker.first() {
            Some(sasldb) => sasldb.verifier(&state.request(), ask.scheme()),
            None => Err(Answer::unavailable("there is no store of ours")),
        };
        Some(match found {
            Ok((verifier, stamp)) => {
                state.stamp = Some(stamp);
                ask.answer(Some(verifier))
            }
            Err(otherwise) => {
                let is_unknown = otherwise.verdict != attempt::Verdict::Unavailable;
                state.otherwise = otherwise;
                if is_unknown { ask.answer(None) } else { Ask::Verifier(ask).defer() }
            }
        })
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
        let by = success.identity().mechanism().to_string();
        let outcome = match (&state.login, state.stamp) {
            // The back ends have said so just now.
            (Some(_), None) => Outcome::new("none", Answer::accepted(by)),
            (Some(_), Some(stamp)) => Outcome::new("sasldb", self.is_still_so(&state, stamp, by)),
            (None, _) => {
                state.is_about(success.identity().login().clone(), &self.service.checker());
                Outcome::new("none", self.is_let_in(success.identity().login(), by))
            }
        };
        let reason = match outcome.ending {
            Ending::Accepted => None,
            Ending::Unavailable => Some(Reason::Unavailable),
            _ => Some(Reason::BadCredentials),
        };
        self.settle(&mut state, outcome);
        let user = success.identity().acts_as().to_bytes();
        match (reason, success.data().map(<[u8]>::to_vec)) {
            (Some(reason), _) => Turn::Fail { user: Some(user), reason },
            (None, Some(data)) if !state.takes_data => {
                Turn::Challenge(Box::new(Exchange(Waiting::Last { user, data })))
            }
            (None, data) => Turn::Ok { user, data },
        }
    }

    /// A challenge may have been long ago, and the user disabled since, or their password another.
    fn is_still_so(&self, state: &State, stamp: Stamp, by: String) -> Answer {
        let checker = self.service.checker();
        let is_so = checker.first().is_some_and(|sasldb| sasldb.is_as_it_was(&state.request(), stamp));
        if is_so { Answer::accepted(by) } else { Answer::refused("changed meanwhile") }
    }

    /// Who proved themself elsewhere need not be in the store; but whoever is disabled there is kept out.
    fn is_let_in(&self, login: &Login, by: String) -> Answer {
        let checker = self.service.checker();
        match checker.first().map(|sasldb| sasldb.status(login)).transpose() {
            Ok(Some(Some(Status::Disabled))) => Answer::refused("disabled user"),
            Ok(_) => Answer::accepted(by),
            Err(unavailable) => unavailable,
        }
    }

    fn fail(&self, mut state: State, failure: Failure) -> Turn {
        let reason = failure.reason();
        match (reason, &state.login) {
            (Reason::BadCredentials | Reason::Unavailable, Some(_)) => {
                let outcome = Outcome::new("sasldb", state.otherwise.clone());
                self.settle(&mut state, outcome);
            }
            // A password that was right is in the log as that; and so is what it was not enough for.
            _ if state.is_settled && reason != Reason::NotAuthorized => {}
            _ => {
                let mechanism = Shown(state.mechanism.as_bytes(), 32);
                let why = match reason {
                    Reason::NoMechanism => format!("{mechanism} is not offered"),
                    _ => format!("{mechanism}: {}", failure.cause()),
                };
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
    fn server(&self, service: &str) -> Rc<Server> {
        let (made, checker) = (&mut *self.made.borrow_mut(), self.service.checker());
        if !made.checker.as_ref().is_some_and(|known| Rc::ptr_eq(known, &checker)) {
            *made = Made { checker: Some(Rc::clone(&checker)), servers: HashMap::new() };
        }
        let service = service.to_ascii_lowercase();
        if let Some(server) = made.servers.get(&service) {
            return Rc::clone(server);
        }
        let (server, is_lasting) = self.make(&checker, &service);
        let server = Rc::new(server);
        if is_lasting && made.servers.len() < MOST_SERVICES {
            made.servers.insert(service, Rc::clone(&server));
        }
        server
    }

    /// And whether it will do for longer: not while there is no store to say whom it pretends to know. What comes with a success is
    /// known as soon as that is one, and becomes a challenge here where that must be.
    fn make(&self, checker: &Checker, service: &str) -> (Server, bool) {
        let server = Server::builder(STANDARD, Host::new(service, &host()))
            .policy(Policy::default().demanding(Guarantees::NO_ANONYMOUS))
            .success_data(SuccessData::Carried);
        let server = server.mech_list(self.configuration.offer(checker.first().is_some()));
        let Some(sasldb) = checker.first() else { return (server.build(), true) };
        let server = match Realm::parse(sasldb.realm(b"")) {
            Ok(realm) => server.default_realm(realm),
            Err(_) => server,
        };
        match sasldb.secret() {
            Ok(secret) => (server.decoy_secret(secret).build(), true),
            Err(_) => (server.build(), false),
        }
    }
}

impl Exchange {
    /// What to send to the client, before base64.
    #[must_use]
    pub fn challenge(&self) -> &[u8] {
        match &self.0 {
            Waiting::Challenge(challenge, _) => challenge.message(),
            Waiting::Last { data, .. } => data,
        }
    }
}

impl State {
    fn new(client: Client, (mechanism, service): (String, String), takes_data: bool) -> Self {
        Self {
            client,
            mechanism,
            service,
            takes_data,
            begun: Instant::now(),
            login: None,
            name: Vec::new(),
            stamp: None,
            otherwise: Answer::refused("wrong password"),
            pass: None,
            throttled: Duration::ZERO,
            is_settled: false,
        }
    }

    /// It is looked up as a request of saslauthd is: `-r` goes for both.
    fn is_about(&mut self, login: Login, checker: &Checker) {
        self.name = login.user().as_bytes().to_vec();
        self.login = Some(login);
        self.name = checker.login(&self.request()).into_owned();
    }

    /// As a request of saslauthd has it.
    fn request(&self) -> Request<'_> {
        let realm = self.login.as_ref().and_then(Login::realm).map(Realm::as_bytes).unwrap_or_default();
        let client = self.client.address.as_deref();
        Request { login: &self.name, password: b"", service: self.service.as_bytes(), realm, client }
    }
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchanges({})", self.made.borrow().servers.len())
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(..)")
    }
}
