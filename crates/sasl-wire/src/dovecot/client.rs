//! A program's end of a connection, without I/O: what it sends, and what comes back.
//!
//! ```
//! use sasl_wire::dovecot::{client::{Client, Event}, request::Auth};
//!
//! let mut client = Client::new();
//! // Send this: Client::hello(std::process::id()). What comes is fed in, in whatever pieces.
//! client.receive(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n");
//! assert_eq!(client.next_event()?, Some(Event::Ready));
//! assert_eq!(client.mechanisms().next(), Some((&b"PLAIN"[..], "plaintext")));
//!
//! let mut line = Vec::new();
//! let auth = Auth { mechanism: b"PLAIN", service: b"smtp"[..].into(), initial: Some(b"AHRpbQBwZW5jaWw="), ..Auth::default() };
//! let id = client.begin(auth, &mut line);
//! client.receive(b"OK\t1\tuser=tim@example.com\n");
//! assert_eq!(client.next_event()?, Some(Event::Ok { id, user: b"tim@example.com".to_vec(), data: None }));
//! # Ok::<(), sasl_wire::dovecot::client::Nonsense>(())
//! ```

use super::{
    line::{VERSION, split_line},
    reply::{Reply, Why},
    request::{Auth, Request},
};
use crate::frame::Decoded;
use std::{error, fmt};

/// One connection.
#[derive(Debug, Default)]
pub struct Client {
    received: Vec<u8>,
    mechanisms: Vec<(Vec<u8>, String)>,
    last: u32,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Event {
    /// All mechanisms are known.
    Ready,
    /// A challenge has come: [`Client::respond`].
    Challenge {
        /// For which exchange.
        id: u32,
        /// In base64.
        challenge: Vec<u8>,
    },
    /// Somebody came in.
    Ok {
        /// By which exchange.
        id: u32,
        /// Who.
        user: Vec<u8>,
        /// Data that came with the success, in base64.
        data: Option<Vec<u8>>,
    },
    /// Nobody did.
    Fail {
        /// By which exchange.
        id: u32,
        /// Why.
        why: Why,
    },
}

/// The other side does not speak this protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Nonsense;

impl Client {
    /// One to which nothing has been said yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be sent first, by the process of that number.
    #[must_use]
    pub fn hello(pid: u32) -> Vec<u8> {
        let mut lines = Vec::new();
        [Request::Version(VERSION), Request::Pid(pid)].iter().for_each(|request| request.encode(&mut lines));
        lines
    }

    /// Takes octets that have come.
    pub fn receive(&mut self, octets: &[u8]) {
        self.received.extend(octets);
    }

    /// The next thing that has happened; `None` until more octets have come.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn next_event(&mut self) -> Result<Option<Event>, Nonsense> {
        loop {
            let Decoded::Complete([line, rest]) = split_line(&self.received).map_err(|_| Nonsense)? else {
                return Ok(None);
            };
            let event = event(Reply::decode(line).map_err(|_| Nonsense)?, &mut self.mechanisms)?;
            let taken = self.received.len() - rest.len();
            self.received.drain(..taken);
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// The mechanisms that can be begun, with the words for what they do not withstand and what they do, blanks between.
    pub fn mechanisms(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.mechanisms.iter().map(|(name, flags)| (&name[..], &flags[..]))
    }

    /// Appends the line that begins an exchange, under a number that it is given here.
    pub fn begin(&mut self, auth: Auth<'_>, out: &mut Vec<u8>) -> u32 {
        self.last = self.last.wrapping_add(1);
        Request::Auth(Auth { id: self.last, ..auth }).encode(out);
        self.last
    }

    /// Appends the line of a response, in base64.
    pub fn respond(id: u32, response: &[u8], out: &mut Vec<u8>) {
        Request::Continue { id, response }.encode(out);
    }

    /// Appends the line that gives an exchange up.
    pub fn cancel(id: u32, out: &mut Vec<u8>) {
        Request::Cancel(id).encode(out);
    }
}

fn event(reply: Reply<'_>, mechanisms: &mut Vec<(Vec<u8>, String)>) -> Result<Option<Event>, Nonsense> {
    Ok(match reply {
        Reply::Version([major, _]) if major != VERSION[0] => return Err(Nonsense),
        Reply::Mechanism { name, flags } => {
            let flags = flags.iter().map(|flag| String::from_utf8_lossy(flag)).collect::<Vec<_>>().join(" ");
            mechanisms.push((name.to_vec(), flags));
            None
        }
        Reply::Ready => Some(Event::Ready),
        Reply::Continue { id, challenge } => Some(Event::Challenge { id, challenge: challenge.to_vec() }),
        Reply::Ok { id, user, data } => Some(Event::Ok { id, user: user.into_owned(), data: data.map(<[u8]>::to_vec) }),
        Reply::Fail { id, why, .. } => Some(Event::Fail { id, why }),
        Reply::Version(_) | Reply::Pid(_) | Reply::Connection(_) | Reply::Cookie(_) | Reply::Other => None,
    })
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side does not speak this protocol")
    }
}

impl error::Error for Nonsense {}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\nSPID\t204\nCUID\t1\nCOOKIE\t58\nDONE\n";

    #[test]
    fn in_whatever_pieces_it_comes() {
        let mut client = Client::new();
        for octet in HELLO {
            assert_eq!(client.next_event(), Ok(None));
            client.receive(&[*octet]);
        }
        assert_eq!(client.next_event(), Ok(Some(Event::Ready)));
        let mechanisms: Vec<_> = client.mechanisms().collect();
        assert_eq!(mechanisms, [(&b"PLAIN"[..], "plaintext"), (b"CRAM-MD5", "dictionary active")]);
        assert_eq!(Client::hello(7), b"VERSION\t1\t2\nCPID\t7\n");
    }

    #[test]
    fn many_exchanges_at_once_end_in_any_order() {
        let (mut client, mut out) = (Client::new(), Vec::new());
        let auth = || Auth { mechanism: b"LOGIN", service: b"smtp"[..].into(), ..Auth::default() };
        let ids = [(); 3].map(|()| client.begin(auth(), &mut out));
        assert_eq!(ids, [1, 2, 3]);
        client.receive(b"FAIL\t3\tuser=x\ttemp\nCONT\t1\tVXNlcm5hbWU6\nNEW\t9\nOK\t2\tuser=tim\tresp=dg==\n");
        let events = [(); 3].map(|()| client.next_event().unwrap().unwrap());
        assert_eq!(
            events,
            [
                Event::Fail { id: 3, why: Why::Temporary },
                Event::Challenge { id: 1, challenge: b"VXNlcm5hbWU6".to_vec() },
                Event::Ok { id: 2, user: b"tim".to_vec(), data: Some(b"dg==".to_vec()) },
            ]
        );
        out.clear();
        Client::respond(1, b"", &mut out);
        Client::cancel(1, &mut out);
        assert_eq!(out, b"CONT\t1\t\nCANCEL\t1\n");
    }

    #[test]
    fn another_protocol_is_none() {
        for line in [&b"VERSION\t2\t0\n"[..], b"OK\tx\n", &[b'x'; 20_000]] {
            let mut client = Client::new();
            client.receive(line);
            assert_eq!(client.next_event(), Err(Nonsense));
        }
    }
}
