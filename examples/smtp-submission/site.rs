//! What all connections share: names, limits, and what SASL is to demand.

use crate::{
    mailbox::Mailbox,
    settings::{Settings, TakeFrom},
};
use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    host::Host,
    secret::Secret,
    server::Server,
};

/// A server of mail, as a session knows it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) hostname: String,
    pub(crate) max_size: usize,
    pub(crate) take_from: TakeFrom,
    pub(crate) sasl: Server,
    local: Vec<String>,
}

/// Where a message for somebody goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// It stays here.
    Local,
    /// To another server. This one only says that it would.
    Relay,
}

impl Site {
    /// `decoys` is from what users who are not there are challenged: the store's own secret.
    pub(crate) fn new(settings: &Settings, decoys: Secret) -> Self {
        Self {
            hostname: settings.hostname.clone(),
            max_size: settings.max_size,
            take_from: settings.take_from,
            sasl: sasl(settings, decoys),
            local: settings.local.clone(),
        }
    }

    pub(crate) fn route(&self, recipient: &Mailbox) -> Route {
        match recipient.domain() {
            Some(domain) if !self.local.iter().any(|local| local == domain) => Route::Relay,
            _ => Route::Local,
        }
    }

    /// The mechanisms that EHLO lists on `channel`; nothing where there are none.
    pub(crate) fn offer(&self, channel: &Channel) -> String {
        self.sasl.offer(channel).map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// What is offered to whom, for the log.
    pub(crate) fn announcement(&self) -> String {
        let tls = Channel::tls(256).with_binding(ChannelBinding::new(BindingType::TlsExporter, [0; 32]));
        let certified = tls.clone().with_external("CN=client");
        let mut text =
            format!("AUTH before TLS: {}\nAUTH after TLS: {}", self.offer(&Channel::plain()), self.offer(&tls));
        if self.offer(&certified) != self.offer(&tls) {
            text += &format!("\nAUTH after TLS with a client certificate: {}", self.offer(&certified));
        }
        text
    }
}

/// The policy decides what is offered, and what may begin, on each channel.
fn sasl(settings: &Settings, decoys: Secret) -> Server {
    let policy = settings.options.policy().with_strength(0, settings.max_ssf);
    let server = Server::builder(catalogue::STANDARD, Host::new("smtp", &settings.hostname))
        .policy(policy)
        .default_realm(settings.realm.clone())
        .decoy_secret(decoys);
    match &settings.mechanisms {
        Some(list) => server.mech_list(list.iter().map(String::as_str)).build(),
        None => server.build(),
    }
}
