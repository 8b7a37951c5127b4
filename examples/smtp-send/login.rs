//! AUTH: who we are, by which mechanism, and how it went.

use crate::{
    accounts,
    dialogue::{Capabilities, Stream},
    settings::{Fallback, Need, Settings},
};
use sasl_core::{
    auth_info::AuthInfo,
    catalogue,
    channel::Channel,
    client::{Choice, Client},
    client_step::Established,
    credentials::Credentials,
    failure::Reason,
    host::Host,
    line::Outgoing,
    mechanism::Mechanism,
    name::MechanismName,
};
use sasl_io::{
    client::{Error, Exchange},
    profile::{Heard, Profile},
    smtp::Smtp,
    tokio::authenticate,
};
use smtp::{exit::Failure, report};
use std::{cell::Cell, path::Path, time::Duration};
use tokio::time::timeout;

/// Who we are, to one server.
pub(crate) struct Account {
    client: Client,
    need: Need,
    fallback: Fallback,
    timeout: Duration,
}

impl Account {
    /// What the settings and the file say; `None` where that is nothing.
    pub(crate) fn of(settings: &Settings, address: &str) -> Result<Option<Self>, Failure> {
        let find = |file| find_info(file, &settings.server_name, address);
        let info = settings.auth_info.as_deref().map(find).transpose()?.flatten();
        let credentials = match (&info, &settings.client) {
            (Some(info), Some(_)) => info.credentials().or_external(),
            (Some(info), None) => info.credentials(),
            (None, Some(_)) => Credentials::external(),
            (None, None) => return Ok(None),
        };
        let host = Host::new("smtp", &settings.server_name).with_port(settings.port);
        let policy = settings.options.policy().with_strength(0, settings.max_ssf);
        let client = Client::new(&mechanisms(info.as_ref()), host, credentials).with_policy(policy);
        let Settings { auth: need, fallback, timeout, .. } = *settings;
        Ok(Some(Self { client, need, fallback, timeout }))
    }

    /// Logs in over `channel`, on which the server has just said what it can do. `None` where it lets nobody in, or not us,
    /// and the settings leave it at that.
    pub(crate) async fn log_in<S: Stream>(
        &self,
        stream: &mut S,
        channel: &Channel,
        capabilities: &Capabilities,
    ) -> Result<Option<Established>, Failure> {
        let outcome = match self.choose(channel, capabilities) {
            Ok(choice) => self.attempt(choice, stream).await?,
            Err(reason) => Err(reason),
        };
        match outcome {
            Ok(established) => {
                report::line("logged in");
                Ok(Some(established))
            }
            Err(reason) if self.need == Need::Required => Err(Failure::of("not logged in", reason)),
            Err(reason) => {
                report::line(format_args!("not logged in: {reason}"));
                Ok(None)
            }
        }
    }

    /// The best that both sides have, and that the policy allows on this channel.
    fn choose(&self, channel: &Channel, capabilities: &Capabilities) -> Result<Choice<'_>, String> {
        let Some(offered) = capabilities.mechanisms() else { return Err("the server does not offer AUTH".into()) };
        let offered: Vec<_> = offered.collect();
        let chosen = self.client.choose(channel, offered.iter().copied());
        chosen.map_err(|_| format!("nothing that the server offers will do: {}", offered.join(" ")))
    }

    /// Holds the exchange. The inner error is the server's, which we may talk on with; the outer one ends it all.
    async fn attempt<S: Stream>(
        &self,
        choice: Choice<'_>,
        stream: &mut S,
    ) -> Result<Result<Established, String>, Failure> {
        let exchange = Exchange::new(choice, Reported::default());
        let exchange = match self.fallback {
            Fallback::Never => exchange,
            Fallback::ToWeaker => exchange.falling_back(),
        };
        match timeout(self.timeout, authenticate(exchange, stream)).await {
            Ok(Ok(established)) => Ok(Ok(established)),
            Ok(Err(Error::Refused(refused))) => Ok(Err(refused.to_string())),
            Ok(Err(error)) => Err(Failure::of("the login broke off", error)),
            Err(_) => Err(Failure::new("the server takes too long")),
        }
    }
}

/// What the file says about a server. That it says nothing is worth a line: nobody will be logged in.
fn find_info(file: &Path, host: &str, address: &str) -> Result<Option<AuthInfo>, Failure> {
    let info = accounts::find(file, host, address).map_err(|error| Failure::of("--auth-info", error))?;
    if info.is_none() {
        let file = file.display();
        let address = if host == address { String::new() } else { format!(", for {address}") };
        report::line(format_args!("--auth-info {file}: no line for {host}{address} or for all"));
    }
    Ok(info)
}

/// Those that the account allows, in our order.
fn mechanisms(info: Option<&AuthInfo>) -> Vec<&'static Mechanism> {
    let Some(allowed) = info.and_then(AuthInfo::mechanisms) else { return catalogue::ALL.to_vec() };
    let allowed: Vec<_> = allowed.filter_map(MechanismName::parse).collect();
    catalogue::ALL.iter().copied().filter(|mechanism| allowed.contains(&mechanism.name)).collect()
}

/// SMTP, with a line of report for each mechanism that is tried.
#[derive(Default)]
struct Reported {
    smtp: Smtp,
    last: Cell<Option<MechanismName>>,
}

impl Profile for Reported {
    fn challenge(&self, message: &[u8]) -> Outgoing {
        self.smtp.challenge(message)
    }

    fn success(&self, data: Option<&[u8]>) -> Outgoing {
        self.smtp.success(data)
    }

    fn failure(&self, reason: Reason) -> Outgoing {
        self.smtp.failure(reason)
    }

    fn longest_command(&self) -> usize {
        self.smtp.longest_command()
    }

    fn command(&self, mechanism: MechanismName, initial: Option<&[u8]>) -> Outgoing {
        if self.last.replace(Some(mechanism)) != Some(mechanism) {
            report::line(format_args!("logging in by {mechanism}"));
        }
        self.smtp.command(mechanism, initial)
    }

    fn hear<'l>(&self, line: &'l [u8]) -> Option<Heard<'l>> {
        self.smtp.hear(line)
    }

    fn again(&mut self) {
        self.smtp.again();
    }
}
