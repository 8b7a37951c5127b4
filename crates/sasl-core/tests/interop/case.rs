//! What is tried, as a value: an account, a login, and what has to come of it, whoever plays the two sides.

/// Who plays a side.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Party {
    Ours,
    Libsasl2,
    Gsasl,
}

/// How a server keeps what it knows of its user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// As what is derived for each mechanism.
    AsVerifiers,
    AsPlaintext,
}

/// A login. Mechanisms differ in how, not in what comes of it; where one does all the same, [`Known`] says so.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) mechanisms: &'static [&'static str],
    /// What the server knows.
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// What the client says.
    pub(crate) tried_user: &'static str,
    pub(crate) tried_password: &'static str,
    pub(crate) authzid: Option<&'static str>,
    pub(crate) trace: &'static str,
    /// Whom the user may act as. `None` is a server that has no policy.
    pub(crate) proxy: Option<&'static str>,
    /// What the client is told that the server offers; `*` is the mechanism.
    pub(crate) offered: &'static str,
    /// Whether the client may send its first message unasked.
    pub(crate) initial: bool,
    /// Whether the protocol carries data with a success.
    pub(crate) data: bool,
    /// How many nonces the server remembers, for clients that come back by DIGEST-MD5 with one message; `None` where it
    /// does not let them.
    pub(crate) reauth: Option<usize>,
    /// What else the server offers by DIGEST-MD5. Only ours can.
    pub(crate) more_realms: &'static [&'static str],
    pub(crate) client: End,
    pub(crate) server: End,
    /// Who the client is to the server: `user`, or `user as other`. `None` where it is nobody.
    pub(crate) expected: Option<&'static str>,
    pub(crate) known: &'static [Known],
}

/// A side's view of the connection, and its demands.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) service: &'static str,
    pub(crate) host: &'static str,
    /// A server's default realm, and "" for one that offers none by DIGEST-MD5; the one that a client wants.
    pub(crate) realm: Option<&'static str>,
    /// Who the client is by what lies below.
    pub(crate) external: Option<&'static str>,
    pub(crate) binding: Option<(&'static str, &'static [u8])>,
    pub(crate) must_bind: bool,
    /// The least and the most bits of a layer, and the largest packet taken.
    pub(crate) strength: (u32, u32),
    pub(crate) buffer: u32,
}

/// Something that a library does otherwise, or that we do otherwise on purpose: for all mechanisms, parties and ways of
/// keeping, until it is narrowed down. The first that applies counts.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    mechanisms: &'static [&'static str],
    clients: &'static [Party],
    servers: &'static [Party],
    kept: Option<Kept>,
    instead: Option<&'static str>,
    why: &'static str,
}

pub(crate) const PASSWORD: &[&str] =
    &["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
pub(crate) const WITH_AUTHZID: &[&str] = &["PLAIN", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
pub(crate) const SCRAM: &[&str] = &["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
pub(crate) const DIGEST: &[&str] = &["DIGEST-MD5"];

pub(crate) const HOST: &str = "mail.example.com";
pub(crate) const ANYBODY: &[Party] = &[Party::Ours, Party::Libsasl2, Party::Gsasl];
pub(crate) const OURS: &[Party] = &[Party::Ours];
pub(crate) const LIBSASL2: &[Party] = &[Party::Libsasl2];
pub(crate) const GSASL: &[Party] = &[Party::Gsasl];

/// No layer, no demands.
pub(crate) const END: End = End {
    service: "smtp",
    host: HOST,
    realm: None,
    external: None,
    binding: None,
    must_bind: false,
    strength: (0, 0),
    buffer: 65536,
};

/// The right password.
pub(crate) const TIM: Case = Case::of("tim", "tanstaaf");

impl Case {
    /// The right password of that user, by every mechanism that takes one.
    pub(crate) const fn of(user: &'static str, password: &'static str) -> Self {
        Self {
            name: "",
            mechanisms: PASSWORD,
            user,
            password,
            tried_user: user,
            tried_password: password,
            authzid: None,
            trace: "",
            proxy: None,
            offered: "*",
            initial: true,
            data: false,
            reauth: None,
            more_realms: &[],
            client: END,
            server: END,
            expected: Some(user),
            known: &[],
        }
    }

    /// What the client is told.
    pub(crate) fn offered(&self, mechanism: &str) -> String {
        self.offered.replace('*', mechanism)
    }

    /// What must come of it, and why, where that is not what the case says.
    pub(crate) fn expected(
        &self,
        mechanism: &str,
        pairing: (Party, Party),
        kept: Kept,
    ) -> (Option<&'static str>, Option<&'static str>) {
        match self.known.iter().find(|known| known.applies(mechanism, pairing, kept)) {
            Some(known) => (known.instead, Some(known.why)),
            None => (self.expected, None),
        }
    }
}

impl Known {
    /// The client is refused.
    pub(crate) const fn refused(why: &'static str) -> Self {
        Self { mechanisms: &[], clients: ANYBODY, servers: ANYBODY, kept: None, instead: None, why }
    }

    /// The client is `instead`.
    pub(crate) const fn accepted(instead: &'static str, why: &'static str) -> Self {
        Self { instead: Some(instead), ..Self::refused(why) }
    }

    pub(crate) const fn by(self, mechanisms: &'static [&'static str]) -> Self {
        Self { mechanisms, ..self }
    }

    pub(crate) const fn from(self, clients: &'static [Party]) -> Self {
        Self { clients, ..self }
    }

    pub(crate) const fn to(self, servers: &'static [Party]) -> Self {
        Self { servers, ..self }
    }

    pub(crate) const fn where_kept(self, kept: Kept) -> Self {
        Self { kept: Some(kept), ..self }
    }

    fn applies(&self, mechanism: &str, (client, server): (Party, Party), kept: Kept) -> bool {
        (self.mechanisms.is_empty() || self.mechanisms.contains(&mechanism))
            && self.clients.contains(&client)
            && self.servers.contains(&server)
            && self.kept.is_none_or(|other| other == kept)
    }
}
