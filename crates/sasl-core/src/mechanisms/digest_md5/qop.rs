//! What may protect the messages after an exchange: `qop` and `cipher` (RFC 2831 section 2.1.1).

use crate::{
    channel::Channel,
    failure::{Failure, Reason},
    policy::Policy,
};

/// What both sides agree on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Qop {
    /// `auth`: nothing.
    Auth,
    /// `auth-int`.
    AuthInt,
    /// `auth-conf`.
    AuthConf(Cipher),
}

/// The ciphers of `auth-conf`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cipher {
    Rc4With40Bits,
    Rc4With56Bits,
    Rc4,
    Des,
    TripleDes,
}

/// The bits of security that a layer may have.
#[derive(Clone, Copy)]
pub(super) struct Range {
    least: u32,
    most: u32,
}

impl Cipher {
    const ALL: [Self; 5] = [Self::Rc4With40Bits, Self::Rc4With56Bits, Self::Rc4, Self::Des, Self::TripleDes];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Rc4With40Bits => "rc4-40",
            Self::Rc4With56Bits => "rc4-56",
            Self::Rc4 => "rc4",
            Self::Des => "des",
            Self::TripleDes => "3des",
        }
    }
}

impl Qop {
    /// Weakest first.
    const ALL: [Self; 7] = [
        Self::Auth,
        Self::AuthInt,
        Self::AuthConf(Cipher::Rc4With40Bits),
        Self::AuthConf(Cipher::Des),
        Self::AuthConf(Cipher::Rc4With56Bits),
        Self::AuthConf(Cipher::TripleDes),
        Self::AuthConf(Cipher::Rc4),
    ];

    /// Bits of security, as libsasl2 counts them.
    pub(crate) const fn ssf(self) -> u32 {
        match self {
            Self::Auth => 0,
            Self::AuthInt => 1,
            Self::AuthConf(Cipher::Rc4With40Bits) => 40,
            Self::AuthConf(Cipher::Des) => 55,
            Self::AuthConf(Cipher::Rc4With56Bits) => 56,
            Self::AuthConf(Cipher::TripleDes) => 112,
            Self::AuthConf(Cipher::Rc4) => 128,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
            Self::AuthConf(_) => "auth-conf",
        }
    }

    pub(super) fn cipher(self) -> Option<&'static str> {
        match self {
            Self::AuthConf(cipher) => Some(cipher.as_str()),
            _ => None,
        }
    }

    /// Whether packets of so many bytes are worth it: up to 29 are MAC, padding and number, and who takes hardly more would
    /// have us send a packet for each octet.
    pub(super) fn fits(self, maxbuf: u32) -> bool {
        self == Self::Auth || maxbuf >= 64
    }

    /// What a client names. A cipher beside another qop means nothing.
    pub(super) fn named(name: &[u8], cipher: Option<&[u8]>) -> Option<Self> {
        let fits = |qop: &Self| {
            let sealed = qop.cipher();
            name.eq_ignore_ascii_case(qop.as_str().as_bytes())
                && sealed.is_none_or(|ours| cipher.is_some_and(|cipher| cipher.eq_ignore_ascii_case(ours.as_bytes())))
        };
        Self::ALL.into_iter().find(fits)
    }
}

impl Range {
    /// What the channel lacks of the policy's bits. Where there is no room for packets, there is no layer.
    pub(super) fn of(policy: &Policy, channel: &Channel) -> Self {
        let lacking = |bits: u32| if policy.max_buffer() == 0 { 0 } else { bits.saturating_sub(channel.strength()) };
        Self { least: lacking(policy.min_ssf()), most: lacking(policy.max_ssf()) }
    }

    pub(super) fn admits(self, qop: Qop) -> bool {
        (self.least..=self.most).contains(&qop.ssf())
    }

    /// The qops to offer.
    pub(super) fn qops(self) -> Result<Vec<&'static str>, Failure> {
        let mut qops: Vec<_> = self.admitted().map(Qop::as_str).collect();
        qops.dedup();
        match qops.is_empty() {
            false => Ok(qops),
            true => Err(Failure::new(
                Reason::TooWeak,
                "no qop as strong as the policy asks, and no stronger than it allows",
            )),
        }
    }

    /// The ciphers to offer.
    pub(super) fn ciphers(self) -> Vec<&'static str> {
        let admitted = |cipher: &Cipher| self.admits(Qop::AuthConf(*cipher));
        Cipher::ALL.into_iter().filter(admitted).map(Cipher::as_str).collect()
    }

    /// The strongest of what a server offers, as two lists.
    pub(super) fn choose(self, qops: &[u8], ciphers: &[u8]) -> Result<Qop, Failure> {
        let offered = |qop: &Qop| lists(qops, qop.as_str()) && qop.cipher().is_none_or(|cipher| lists(ciphers, cipher));
        let chosen = self.admitted().filter(offered).last();
        chosen.ok_or(Failure::new(Reason::TooWeak, "no qop that both sides have"))
    }

    fn admitted(self) -> impl Iterator<Item = Qop> {
        Qop::ALL.into_iter().filter(move |qop| self.admits(*qop))
    }
}

fn lists(list: &[u8], name: &str) -> bool {
    let mut words = list.split(|octet| matches!(octet, b',' | b' ' | b'\t'));
    words.any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: u32, max: u32, external: u32) -> Range {
        Range::of(&Policy::default().with_strength(min, max), &Channel::tls(external))
    }

    #[test]
    fn what_is_offered_lies_between_the_policys_bits_and_counts_the_channels() {
        assert_eq!(range(0, 0, 0).qops().unwrap(), ["auth"]);
        assert_eq!(range(0, 256, 0).qops().unwrap(), ["auth", "auth-int", "auth-conf"]);
        assert_eq!(range(0, 256, 0).ciphers(), ["rc4-40", "rc4-56", "rc4", "des", "3des"]);
        assert_eq!(range(56, 112, 0).ciphers(), ["rc4-56", "3des"]);
        assert_eq!(range(56, 112, 0).qops().unwrap(), ["auth-conf"]);
        assert_eq!(range(129, 256, 128).qops().unwrap(), ["auth-int", "auth-conf"]);
        assert_eq!(range(0, 256, 256).qops().unwrap(), ["auth"]);
        assert!(range(128, 0, 0).qops().is_err() && range(129, 256, 0).qops().is_err());
        let no_room = Policy::default().with_strength(0, 256).with_max_buffer(0);
        assert_eq!(Range::of(&no_room, &Channel::plain()).qops().unwrap(), ["auth"]);
    }

    #[test]
    fn a_client_takes_the_strongest() {
        let all = range(0, 256, 0);
        assert_eq!(all.choose(b"auth, auth-conf,auth-int", b"des,3des,rc4").unwrap(), Qop::AuthConf(Cipher::Rc4));
        assert_eq!(all.choose(b"auth,auth-conf", b"blowfish, des").unwrap(), Qop::AuthConf(Cipher::Des));
        assert_eq!(all.choose(b"auth,auth-int,auth-conf", b"").unwrap(), Qop::AuthInt);
        assert_eq!(all.choose(b"AUTH", b"rc4").unwrap(), Qop::Auth);
        assert_eq!(all.choose(b"auth-conf", b"blowfish").unwrap_err().reason(), Reason::TooWeak);
        assert_eq!(range(1, 256, 0).choose(b"auth", b"").unwrap_err().reason(), Reason::TooWeak);
    }

    #[test]
    fn what_a_client_names_is_read_whatever_its_case() {
        assert_eq!(Qop::named(b"AUTH-INT", None), Some(Qop::AuthInt));
        assert_eq!(Qop::named(b"auth", Some(b"rc4")), Some(Qop::Auth));
        assert_eq!(Qop::named(b"auth-conf", Some(b"rc4-56")), Some(Qop::AuthConf(Cipher::Rc4With56Bits)));
        assert_eq!(Qop::named(b"auth-conf", None), None);
        assert_eq!(Qop::named(b"auth-xyz", None), None);
    }
}
