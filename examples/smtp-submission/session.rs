//! What a client may say when, and what it is told. Nothing here reads or writes: the connection does what an [`Act`] says.

use crate::{
    command::{Command, MailFrom},
    mailbox::{Mailbox, Sender},
    reply::Reply,
    settings::TakeFrom,
    site::{Route, Site},
};
use sasl_core::{auth_param::AuthParam, channel::Channel, identity::Identity, mechanisms::anonymous::ANONYMOUS};
use sasl_io::{server, smtp};
use std::{mem, sync::Arc};

/// The most recipients of a message (RFC 5321 section 4.5.3.1.8: at least 100).
const MAX_RECIPIENTS: usize = 100;

/// One client, from the greeting to the end, or to STARTTLS, behind which all begins anew.
#[derive(Debug)]
pub(crate) struct Session {
    site: Arc<Site>,
    channel: Channel,
    greeted: Greeted,
    identity: Option<Identity>,
    transaction: Option<Envelope>,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Act<'l> {
    /// Reply, and read on.
    Say(Reply),
    /// Hold the exchange, and tell [`Session::authenticated`] how it ended well.
    Authenticate(server::Command<'l>),
    /// Reply, forget what has been read, and begin TLS.
    StartTls(Reply),
    /// Reply, and read a message, which goes into the envelope of [`Session::take_envelope`].
    Collect(Reply),
    /// Reply, and close.
    Close(Reply),
}

/// Who sends a message, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) sender: Sender,
    /// Who submitted it at first, as far as that can be trusted.
    pub(crate) submitter: AuthParam,
    pub(crate) recipients: Vec<(Mailbox, Route)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Greeted {
    No,
    Helo,
    Ehlo,
}

impl Session {
    pub(crate) fn new(site: Arc<Site>, channel: Channel) -> Self {
        Self { site, channel, greeted: Greeted::No, identity: None, transaction: None }
    }

    pub(crate) fn greeting(&self) -> Reply {
        Reply::plain(220, vec![format!("{} ESMTP", self.site.hostname)])
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Goes on with a line of the client.
    pub(crate) fn hear<'l>(&mut self, line: &'l [u8]) -> Act<'l> {
        Command::parse(line).and_then(|command| self.obey(command)).unwrap_or_else(Act::Say)
    }

    /// The client is who it says.
    pub(crate) fn authenticated(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// There is a security layer from now on: nothing counts that was said before (RFC 4954 section 4).
    pub(crate) fn forget_greeting(&mut self) {
        self.greeted = Greeted::No;
    }

    /// The envelope of the message that was read: the transaction is over.
    pub(crate) fn take_envelope(&mut self) -> Option<Envelope> {
        mem::take(&mut self.transaction)
    }

    fn obey<'l>(&mut self, command: Command<'l>) -> Result<Act<'l>, Reply> {
        match command {
            Command::Ehlo => Ok(Act::Say(self.ehlo())),
            Command::Helo => Ok(Act::Say(self.helo())),
            Command::StartTls => self.start_tls(),
            Command::Auth(text) => self.auth(text),
            Command::Mail(mail) => self.mail(mail).map(Act::Say),
            Command::Rcpt(recipient) => self.rcpt(recipient).map(Act::Say),
            Command::Data => self.data(),
            Command::Rset => Ok(Act::Say(self.rset())),
            Command::Noop => Ok(Act::Say(Reply::new(250, "2.0.0", "ok"))),
            Command::Vrfy => Ok(Act::Say(Reply::new(252, "2.5.2", "send a message, and see"))),
            Command::Quit => Ok(Act::Close(Reply::new(221, "2.0.0", "goodbye"))),
        }
    }

    fn ehlo(&mut self) -> Reply {
        (self.greeted, self.transaction) = (Greeted::Ehlo, None);
        let Site { hostname, max_size, .. } = &*self.site;
        let mut lines = vec![hostname.clone(), "PIPELINING".into(), "8BITMIME".into(), "ENHANCEDSTATUSCODES".into()];
        lines.push(format!("SIZE {max_size}"));
        if self.may_start_tls() {
            lines.push("STARTTLS".into());
        }
        match self.site.offer(&self.channel) {
            none if none.is_empty() => {}
            offer => lines.push(format!("AUTH {offer}")),
        }
        Reply::plain(250, lines)
    }

    fn helo(&mut self) -> Reply {
        (self.greeted, self.transaction) = (Greeted::Helo, None);
        Reply::plain(250, vec![self.site.hostname.clone()])
    }

    fn rset(&mut self) -> Reply {
        self.transaction = None;
        Reply::new(250, "2.0.0", "ok")
    }

    /// Not below a security layer, and not below who has authenticated: all would have to be forgotten.
    fn may_start_tls(&self) -> bool {
        self.channel.strength() == 0 && self.identity.is_none()
    }

    /// Before EHLO too: behind it all begins anew in any case, and gsasl does so.
    fn start_tls<'l>(&self) -> Result<Act<'l>, Reply> {
        match self.may_start_tls() {
            true => Ok(Act::StartTls(Reply::new(220, "2.0.0", "begin TLS"))),
            false => Err(Reply::new(503, "5.5.1", "not now")),
        }
    }

    /// Whether the mechanism may begin is for SASL to say; here it is only whether any may (RFC 4954 section 4).
    fn auth<'l>(&self, text: &'l [u8]) -> Result<Act<'l>, Reply> {
        match self {
            Self { greeted: Greeted::No | Greeted::Helo, .. } => Err(smtp::Reply::BEFORE_EHLO.into()),
            Self { identity: Some(_), .. } => Err(smtp::Reply::ALREADY_AUTHENTICATED.into()),
            Self { transaction: Some(_), .. } => Err(smtp::Reply::IN_TRANSACTION.into()),
            _ => Ok(Act::Authenticate(server::Command::parse(text))),
        }
    }

    fn mail(&mut self, mail: MailFrom) -> Result<Reply, Reply> {
        match self {
            Self { greeted: Greeted::No, .. } => return Err(smtp::Reply::BEFORE_EHLO.into()),
            Self { transaction: Some(_), .. } => return Err(Reply::new(503, "5.5.1", "one message at a time")),
            _ if self.site.take_from == TakeFrom::Authenticated && !self.is_somebody() => {
                return Err(smtp::Reply::AUTHENTICATION_REQUIRED.into());
            }
            _ if mail.size.is_some_and(|size| size > self.site.max_size) => return Err(too_large()),
            _ => {}
        }
        let submitter = mail.submitter.unwrap_or(AuthParam::Unknown).as_trusted(self.identity());
        self.transaction = Some(Envelope { sender: mail.sender, submitter, recipients: Vec::new() });
        Ok(Reply::new(250, "2.1.0", "sender ok"))
    }

    fn rcpt(&mut self, recipient: Mailbox) -> Result<Reply, Reply> {
        let (route, somebody) = (self.site.route(&recipient), self.is_somebody());
        let Some(envelope) = &mut self.transaction else { return Err(Reply::new(503, "5.5.1", "MAIL FROM first")) };
        if route == Route::Relay && !somebody {
            return Err(Reply::new(550, "5.7.1", "relaying denied"));
        }
        if envelope.recipients.len() == MAX_RECIPIENTS {
            return Err(Reply::new(452, "4.5.3", "too many recipients"));
        }
        envelope.recipients.push((recipient, route));
        Ok(Reply::new(250, "2.1.5", "recipient ok"))
    }

    /// Whether we know who the client is. Who logged in by ANONYMOUS is nobody still.
    fn is_somebody(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.mechanism() != ANONYMOUS.name)
    }

    fn data<'l>(&self) -> Result<Act<'l>, Reply> {
        match &self.transaction {
            None => Err(Reply::new(503, "5.5.1", "MAIL FROM first")),
            Some(envelope) if envelope.recipients.is_empty() => Err(Reply::new(554, "5.5.1", "no valid recipients")),
            Some(_) => Ok(Act::Collect(Reply::plain(354, vec!["end with a dot alone".into()]))),
        }
    }
}

pub(crate) fn too_large() -> Reply {
    Reply::new(552, "5.3.4", "message too large")
}

#[cfg(test)]
mod tests;
