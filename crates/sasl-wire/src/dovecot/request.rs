//! What a client says.

use super::field::{bare, fields, number, parameter, put, put_value, put_word, unescape};
use std::{borrow::Cow, error, fmt};

/// A line of a client.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Request<'a> {
    /// What it speaks: major and minor version.
    Version([u32; 2]),
    /// The number of its process.
    Pid(u32),
    /// Begins an exchange.
    Auth(Auth<'a>),
    /// Carries one on.
    Continue {
        /// Which one.
        id: u32,
        /// In base64; empty is a response too.
        response: &'a [u8],
    },
    /// Gives one up.
    Cancel(u32),
    /// Something that nobody here knows.
    Other,
}

/// An exchange that is to begin.
#[derive(Clone, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the wire has")]
pub struct Auth<'a> {
    /// By which its lines are known: no other of this connection has it.
    pub id: u32,
    /// The mechanism's name, as the client of the client sent it.
    pub mechanism: &'a [u8],
    /// The service, such as `smtp`.
    pub service: Cow<'a, [u8]>,
    /// Whether what is below is protected: `secured`.
    pub secured: bool,
    /// Whether failures are not to be held against the address that the client of the client has: `no-penalty`.
    pub no_penalty: bool,
    /// Whether data can come with the success, and need not be a challenge of their own: `final-resp-ok`.
    pub takes_data: bool,
    /// Whether somebody asks for the login afterwards, to serve it: not with `nologin`.
    pub afterwards: Afterwards,
    /// Whom a certificate is for that was verified: `valid-client-cert` with `cert_username`.
    pub certificate: Option<Cow<'a, [u8]>>,
    /// The address of the client of the client, without and with its port: `rip`, `rport`.
    pub remote: Peer<'a>,
    /// The address that it came to: `lip`, `lport`.
    pub local: Peer<'a>,
    /// In base64. An empty one is none: Exim sends one in any case.
    pub initial: Option<&'a [u8]>,
}

/// What becomes of a login.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is what the wire has")]
pub enum Afterwards {
    /// A process that is to serve it may ask who came in: [`super::master`].
    #[default]
    AskedFor,
    /// Nothing: whoever began it serves it.
    Nothing,
}

/// One end of a connection, as far as it is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what the wire has")]
pub struct Peer<'a> {
    /// The address.
    pub address: Option<Cow<'a, [u8]>>,
    /// The port.
    pub port: Option<u32>,
}

/// A line that is no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Malformed {
    /// A number is missing, or is none.
    Number,
    /// An exchange without a mechanism or a service.
    Incomplete,
    /// An octet that is in no name of a mechanism, and not in base64.
    Octet,
}

impl<'a> Request<'a> {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(line: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = fields(line);
        let word = fields.next().unwrap_or_default();
        let mut numbered = || number(fields.next().unwrap_or_default()).ok_or(Malformed::Number);
        Ok(match word {
            b"VERSION" => Self::Version([numbered()?, numbered()?]),
            b"CPID" => Self::Pid(numbered()?),
            b"CANCEL" => Self::Cancel(numbered()?),
            b"CONT" => {
                let id = numbered()?;
                Self::Continue { id, response: bare(fields.next().unwrap_or_default()).ok_or(Malformed::Octet)? }
            }
            b"AUTH" => Self::Auth(Auth::decode(numbered()?, fields)?),
            _ => Self::Other,
        })
    }

    /// Appends it as a line.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Version(version) => put_word("VERSION", version, out),
            Self::Pid(pid) => put_word("CPID", &[*pid], out),
            Self::Auth(auth) => {
                put_word("AUTH", &[auth.id], out);
                auth.encode(out);
            }
            Self::Continue { id, response } => {
                put_word("CONT", &[*id], out);
                put(response, out);
            }
            Self::Cancel(id) => put_word("CANCEL", &[*id], out),
            Self::Other => {}
        }
        out.push(b'\n');
    }
}

impl<'a> Auth<'a> {
    fn decode(id: u32, mut fields: impl Iterator<Item = &'a [u8]>) -> Result<Self, Malformed> {
        let mechanism = fields.next().filter(|name| !name.is_empty()).ok_or(Malformed::Incomplete)?;
        let mechanism = bare(mechanism).ok_or(Malformed::Octet)?;
        let (mut auth, mut is_verified) = (Self { id, mechanism, ..Self::default() }, false);
        for field in fields {
            let (name, value) = parameter(field);
            match name {
                b"service" => auth.service = unescape(value),
                b"secured" => auth.secured = true,
                b"no-penalty" => auth.no_penalty = true,
                b"final-resp-ok" => auth.takes_data = true,
                b"nologin" => auth.afterwards = Afterwards::Nothing,
                b"valid-client-cert" => is_verified = true,
                b"cert_username" => auth.certificate = Some(unescape(value)),
                b"rip" => auth.remote.address = Some(unescape(value)),
                b"lip" => auth.local.address = Some(unescape(value)),
                b"rport" => auth.remote.port = number(value),
                b"lport" => auth.local.port = number(value),
                b"resp" => {
                    auth.initial = Some(bare(value).ok_or(Malformed::Octet)?).filter(|response| !response.is_empty());
                    // Whatever is behind it may be of a client who has put tabs into it.
                    break;
                }
                _ => {}
            }
        }
        auth.certificate = auth.certificate.filter(|_| is_verified);
        if auth.service.is_empty() { Err(Malformed::Incomplete) } else { Ok(auth) }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put(self.mechanism, out);
        put_value("service", &self.service, out);
        let flags = [
            (self.secured, "secured"),
            (self.no_penalty, "no-penalty"),
            (self.takes_data, "final-resp-ok"),
            (self.afterwards == Afterwards::Nothing, "nologin"),
        ];
        flags.iter().filter(|(is_set, _)| *is_set).for_each(|(_, name)| put(name.as_bytes(), out));
        if let Some(name) = &self.certificate {
            put(b"valid-client-cert", out);
            put_value("cert_username", name, out);
        }
        self.local.encode(["lip", "lport"], out);
        self.remote.encode(["rip", "rport"], out);
        // The last one: what is behind it might be taken for a part of it.
        self.initial.iter().for_each(|response| put_value("resp", response, out));
    }
}

impl Peer<'_> {
    fn encode(&self, [address, port]: [&str; 2], out: &mut Vec<u8>) {
        self.address.iter().for_each(|value| put_value(address, value, out));
        self.port.iter().for_each(|value| put_value(port, value.to_string().as_bytes(), out));
    }
}

/// Without what may be a password.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version([major, minor]) => write!(f, "Version({major}, {minor})"),
            Self::Pid(pid) => write!(f, "Pid({pid})"),
            Self::Auth(auth) => auth.fmt(f),
            Self::Continue { id, .. } => write!(f, "Continue({id}, ..)"),
            Self::Cancel(id) => write!(f, "Cancel({id})"),
            Self::Other => f.write_str("Other"),
        }
    }
}

/// Without what may be a password.
impl fmt::Debug for Auth<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, mechanism) = (self.id, self.mechanism.escape_ascii());
        write!(f, "Auth({id}, {mechanism}, {}, ..)", self.service.escape_ascii())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number is missing, or is none",
            Self::Incomplete => "an exchange without a mechanism or a service",
            Self::Octet => "an octet that is in no name of a mechanism, and not in base64",
        })
    }
}

impl error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn auth(line: &[u8]) -> Auth<'_> {
        match Request::decode(line).unwrap() {
            Request::Auth(auth) => auth,
            other => panic!("{other:?}"),
        }
    }

    /// As Postfix 3.7 and Exim 4.96 send them.
    #[test]
    fn what_mail_servers_say() {
        assert_eq!(Request::decode(b"VERSION\t1\t0"), Ok(Request::Version([1, 0])));
        assert_eq!(Request::decode(b"CPID\t192"), Ok(Request::Pid(192)));
        let postfix =
            auth(b"AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=127.0.0.2\tsecured\tresp=AHRpbQBwdw==");
        assert_eq!(
            (postfix.id, postfix.mechanism, &*postfix.service, postfix.secured),
            (1, &b"PLAIN"[..], &b"smtp"[..], true)
        );
        assert_eq!(
            (postfix.remote.address.as_deref(), postfix.initial),
            (Some(&b"127.0.0.2"[..]), Some(&b"AHRpbQBwdw=="[..]))
        );
        assert!(!postfix.no_penalty && !postfix.takes_data && postfix.certificate.is_none());
        assert_eq!(postfix.afterwards, Afterwards::Nothing);
        let exim = auth(b"AUTH\t1\tLOGIN\tservice=smtp\tsecured\trip=127.0.0.2\tlip=127.0.0.1\tnologin\tresp=");
        assert_eq!(exim.initial, None);
        assert_eq!(Request::decode(b"CONT\t4\tc2FzbA=="), Ok(Request::Continue { id: 4, response: b"c2FzbA==" }));
        assert_eq!(Request::decode(b"CONT\t6\t"), Ok(Request::Continue { id: 6, response: b"" }));
        assert_eq!(Request::decode(b"CANCEL\t6"), Ok(Request::Cancel(6)));
    }

    #[test]
    fn a_name_of_a_certificate_counts_where_that_was_verified() {
        let line = b"AUTH\t1\tEXTERNAL\tservice=smtp\tcert_username=a\x01tb\tvalid-client-cert\trport=25\trport=x";
        assert_eq!(auth(line).certificate.as_deref(), Some(&b"a\tb"[..]));
        assert_eq!(auth(line).remote.port, None);
        assert_eq!(auth(b"AUTH\t1\tEXTERNAL\tservice=smtp\tcert_username=tim").certificate, None);
    }

    /// A mail server may pass on what its client has sent without a look at it.
    #[test]
    fn nothing_behind_a_response_counts() {
        let line = b"AUTH\t1\tEXTERNAL\tservice=smtp\tresp=AA==\tvalid-client-cert\tcert_username=root\tno-penalty";
        assert_eq!((auth(line).certificate, auth(line).no_penalty), (None, false));
    }

    #[test]
    fn what_is_refused_and_what_is_passed_over() {
        for line in [&b"AUTH"[..], b"AUTH\tx\tPLAIN\tservice=smtp", b"CONT", b"CONT\t-1\t", b"VERSION\t1", b"CPID\t"] {
            assert_eq!(Request::decode(line), Err(Malformed::Number), "{}", line.escape_ascii());
        }
        for line in [&b"AUTH\t1"[..], b"AUTH\t1\t\tservice=smtp", b"AUTH\t1\tPLAIN", b"AUTH\t1\tPLAIN\tservice="] {
            assert_eq!(Request::decode(line), Err(Malformed::Incomplete), "{}", line.escape_ascii());
        }
        for line in
            [&b"AUTH\t1\tPL\x01AIN\tservice=smtp"[..], b"AUTH\t1\tPLAIN\tservice=smtp\tresp=\x01t", b"CONT\t1\tAA\r"]
        {
            assert_eq!(Request::decode(line), Err(Malformed::Octet), "{}", line.escape_ascii());
        }
        for line in [&b""[..], b"auth\t1", b"NEW\t1"] {
            assert_eq!(Request::decode(line), Ok(Request::Other));
        }
    }

    #[test]
    fn no_password_in_what_debug_shows() {
        for line in [&b"AUTH\t1\tPLAIN\tservice=smtp\tresp=c2VjcmV0"[..], b"CONT\t1\tc2VjcmV0"] {
            assert!(!format!("{:?}", Request::decode(line)).contains("c2VjcmV0"));
        }
    }

    fn some() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 1..20))
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            id: u32,
            service in proptest::collection::vec(any::<u8>(), 1..9),
            flags: [bool; 4],
            (certificate, remote, local) in (some(), some(), some()),
            ports: [Option<u32>; 2],
            initial in proptest::option::of("[A-Za-z0-9+/]{1,40}"),
        ) {
            let [secured, no_penalty, takes_data, is_asked_for] = flags;
            let peer = |address: Option<Vec<u8>>, port| Peer { address: address.map(Cow::Owned), port };
            let request = Request::Auth(Auth {
                id,
                mechanism: b"PLAIN",
                service: service.into(),
                secured,
                no_penalty,
                takes_data,
                afterwards: if is_asked_for { Afterwards::AskedFor } else { Afterwards::Nothing },
                certificate: certificate.map(Cow::Owned),
                remote: peer(remote, ports[0]),
                local: peer(local, ports[1]),
                initial: initial.as_deref().map(str::as_bytes),
            });
            let mut line = Vec::new();
            request.encode(&mut line);
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert_eq!(Request::decode(&line), Ok(request));
        }

        #[test]
        fn any_line_is_read_or_refused(line in any::<Vec<u8>>(), id: u32) {
            let _ = Request::decode(&line);
            let behind = [format!("AUTH\t{id}\tPLAIN\t").as_bytes(), &line].concat();
            let _ = Request::decode(&behind);
        }
    }
}
