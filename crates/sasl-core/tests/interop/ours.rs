//! Our own two sides.

use crate::{
    case::{Case, End},
    sides::{Begun, Client as ClientSide, Said, Server as ServerSide, Side},
};
use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    client::Client,
    client_step::{Response, Resumption},
    credentials::Credentials,
    failure::Failure,
    guarantees::Guarantees,
    host::Host,
    identity::{Identity, Login, Realm},
    layer::Layer,
    mechanism::SuccessData,
    policy::{Binding, Policy, Proxy},
    reauth::Reauth,
    secret::Secret,
    server::Server,
    step::{Challenge, Reply, Step, Verdict},
    store::{Store, Unavailable},
    verifier::Verifiers,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A client between two moves.
pub(crate) struct OurClient {
    client: Client,
    channel: Channel,
    offered: Vec<String>,
    initial: bool,
    /// The message that waits for the first challenge, where there is to be no initial response.
    held: Option<Vec<u8>>,
    at: Option<Response>,
    resumption: Option<Resumption>,
    layer: Option<Layer>,
}

/// A server between two moves.
pub(crate) struct OurServer {
    server: Server,
    channel: Channel,
    accounts: Accounts,
    waits: Option<Challenge>,
    identity: Option<Identity>,
    layer: Option<Layer>,
}

/// One user, and whom they may act as.
pub(crate) struct Accounts {
    pub(crate) login: Login,
    pub(crate) verifiers: Verifiers,
    pub(crate) proxy: Option<Login>,
}

impl Store for Accounts {
    fn verifiers(&self, login: &Login) -> Result<Option<Verifiers>, Unavailable> {
        Ok((*login == self.login).then(|| self.verifiers.clone()))
    }

    fn may_act_as(&self, _: &Login, other: &Login) -> Verdict {
        if self.proxy.as_ref() == Some(other) { Verdict::Accept } else { Verdict::Reject }
    }
}

fn host(end: &End) -> Host {
    Host::new(end.service, end.host)
}

fn channel(end: &End) -> Channel {
    let channel = Channel::plain();
    let channel = end.external.map_or(channel.clone(), |name| channel.with_external(name));
    end.binding.map_or(channel.clone(), |(kind, data)| {
        let all = [BindingType::TlsUnique, BindingType::TlsServerEndPoint, BindingType::TlsExporter];
        let kind = all.into_iter().find(|known| known.as_str() == kind).unwrap();
        channel.with_binding(ChannelBinding::new(kind, data))
    })
}

fn policy(end: &End) -> Policy {
    let binding = if end.must_bind { Binding::Required } else { Binding::Optional };
    let (min, max) = end.strength;
    Policy::default()
        .demanding(Guarantees::NONE)
        .with_strength(min, max)
        .with_max_buffer(end.buffer)
        .with_channel_binding(binding)
}

impl OurClient {
    pub(crate) fn new(case: &Case, offered: &str) -> Self {
        let mut credentials = match offered {
            "EXTERNAL" => Credentials::external(),
            "ANONYMOUS" => Credentials::anonymous(case.trace),
            _ => Credentials::new(case.tried_user, Secret::new(case.tried_password)),
        };
        if let Some(authzid) = case.authzid {
            credentials = credentials.acting_as(authzid);
        }
        if let Some(realm) = case.client.realm {
            credentials = credentials.in_realm(realm);
        }
        let client = Client::new(catalogue::ALL, host(&case.client), credentials).with_policy(policy(&case.client));
        let offered = offered.split(' ').map(str::to_owned).collect();
        let (channel, initial) = (channel(&case.client), case.initial);
        Self { client, channel, offered, initial, held: None, at: None, resumption: None, layer: None }
    }

    /// One name is as good as an order.
    fn start(&mut self) -> Result<(String, Response), Failure> {
        if let Some(resumption) = self.resumption.take() {
            return Ok(("DIGEST-MD5".into(), resumption.begin(&self.channel)?));
        }
        if let [name] = &*self.offered {
            return Ok((name.clone(), self.client.start(&self.channel, name)?));
        }
        let choice = self.client.choose(&self.channel, self.offered.iter().map(String::as_str))?;
        Ok((choice.name().to_string(), choice.begin()?))
    }
}

impl ClientSide for OurClient {
    fn begin(&mut self) -> Result<Begun, String> {
        let (mechanism, response) = self.start().map_err(in_words)?;
        let mut initial = response.message().map(<[u8]>::to_vec);
        if !self.initial {
            self.held = initial.take();
        }
        self.at = Some(response);
        Ok(Begun { mechanism, initial })
    }

    fn challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, String> {
        if let Some(held) = self.held.take() {
            return if challenge.is_empty() { Ok(held) } else { Err("a challenge before the first message".into()) };
        }
        let response = self.at.take().unwrap().challenge(challenge).map_err(in_words)?;
        let message = response.message().unwrap_or_default().to_vec();
        self.at = Some(response);
        Ok(message)
    }

    fn success(&mut self, data: Option<&[u8]>) -> Result<(), String> {
        let mut established = self.at.take().unwrap().succeeded(data).map_err(in_words)?;
        self.resumption = established.take_resumption();
        self.layer = established.into_layer();
        Ok(())
    }
}

impl Side for OurClient {
    fn ssf(&mut self) -> Result<u32, String> {
        Ok(ssf(self.layer.as_ref()))
    }

    fn limit(&mut self) -> Result<usize, String> {
        limit(self.layer.as_ref())
    }

    fn wrap(&mut self, plain: &[u8]) -> Result<Vec<u8>, String> {
        wrap(self.layer.as_mut(), plain)
    }

    fn unwrap(&mut self, wire: &[u8]) -> Result<Vec<u8>, String> {
        unwrap(self.layer.as_mut(), wire)
    }

    fn again(&mut self) {
        self.layer = None;
    }
}

impl OurServer {
    pub(crate) fn new(case: &Case, accounts: Accounts) -> Self {
        let proxy = if case.proxy.is_some() { Proxy::Ask } else { Proxy::Forbid };
        let mut builder = Server::builder(catalogue::ALL, host(&case.server))
            .policy(policy(&case.server).with_proxy(proxy))
            .success_data(if case.data { SuccessData::Carried } else { SuccessData::AsChallenge })
            .digest_realms(case.more_realms.iter().map(|realm| Realm::parse(realm).unwrap()));
        if let Some(realm) = case.server.realm {
            builder = builder.default_realm(Realm::parse(realm).unwrap());
        }
        if let Some(capacity) = case.reauth {
            let start = Instant::now();
            builder =
                builder.reauth(Arc::new(Reauth::new(capacity, Duration::from_secs(300), move || start.elapsed())));
        }
        let channel = channel(&case.server);
        Self { server: builder.build(), channel, accounts, waits: None, identity: None, layer: None }
    }

    fn say(&mut self, step: Step) -> Said {
        match step.answered_by(&self.accounts) {
            Reply::Fail(failure) => Said::Failure(in_words(failure)),
            Reply::Continue(challenge) => {
                let message = challenge.message().to_vec();
                self.waits = Some(challenge);
                Said::Challenge(message)
            }
            Reply::Done(success) => {
                let data = success.data().map(<[u8]>::to_vec);
                self.identity = Some(success.identity().clone());
                self.layer = success.into_layer();
                Said::Success(data)
            }
        }
    }
}

impl ServerSide for OurServer {
    fn offer(&mut self) -> Result<String, String> {
        Ok(self.server.offer(&self.channel).map(|name| name.to_string()).collect::<Vec<_>>().join(" "))
    }

    fn begin(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Said {
        let step = self.server.start(&self.channel, mechanism, initial);
        self.say(step)
    }

    fn response(&mut self, response: &[u8]) -> Said {
        let step = self.waits.take().unwrap().respond(response);
        self.say(step)
    }

    fn names(&mut self) -> Result<[Vec<u8>; 2], String> {
        let identity = self.identity.as_ref().unwrap();
        Ok([identity.login().to_bytes(), identity.acts_as().to_bytes()])
    }
}

impl Side for OurServer {
    fn ssf(&mut self) -> Result<u32, String> {
        Ok(ssf(self.layer.as_ref()))
    }

    fn limit(&mut self) -> Result<usize, String> {
        limit(self.layer.as_ref())
    }

    fn wrap(&mut self, plain: &[u8]) -> Result<Vec<u8>, String> {
        wrap(self.layer.as_mut(), plain)
    }

    fn unwrap(&mut self, wire: &[u8]) -> Result<Vec<u8>, String> {
        unwrap(self.layer.as_mut(), wire)
    }

    fn again(&mut self) {
        (self.identity, self.layer) = (None, None);
    }
}

fn ssf(layer: Option<&Layer>) -> u32 {
    layer.map_or(0, Layer::ssf)
}

fn limit(layer: Option<&Layer>) -> Result<usize, String> {
    layer.map(Layer::max_plaintext).ok_or("no layer".into())
}

fn wrap(layer: Option<&mut Layer>, plain: &[u8]) -> Result<Vec<u8>, String> {
    let mut wire = Vec::new();
    layer.ok_or("no layer")?.encode(plain, &mut wire);
    Ok(wire)
}

fn unwrap(layer: Option<&mut Layer>, wire: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    layer.ok_or("no layer")?.decode(wire, &mut plain).map_err(in_words)?;
    Ok(plain)
}

fn in_words(failure: Failure) -> String {
    format!("{:?}, {}", failure.reason(), failure.cause())
}
