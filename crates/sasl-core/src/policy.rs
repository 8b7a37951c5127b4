//! What we demand of a mechanism, given the channel.

use crate::{
    channel::Channel,
    failure::{Failure, Reason},
    guarantees::Guarantees,
};

/// The demands of one side. The default is safe: no plaintext without TLS, nobody anonymous, nobody as another.
#[derive(Clone, Debug)]
pub struct Policy {
    demands: Guarantees,
    min_ssf: u32,
    max_ssf: u32,
    proxy: Proxy,
}

/// Whether a user may ask to act as another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Proxy {
    /// Asking is a failure.
    #[default]
    Forbid,
    /// The application is asked.
    Ask,
}

impl Default for Policy {
    fn default() -> Self {
        let demands = Guarantees::NO_PLAINTEXT | Guarantees::NO_ANONYMOUS;
        Self { demands, min_ssf: 0, max_ssf: 0, proxy: Proxy::Forbid }
    }
}

impl Policy {
    /// Asks for `demands` in place of the default ones. Fewer than those is a risk you take.
    #[must_use]
    pub fn demanding(self, demands: Guarantees) -> Self {
        Self { demands, ..self }
    }

    /// Asks that channel and mechanism together have at least `min` bits (libsasl2's `min_ssf`; default 0), and lets a
    /// mechanism add a layer while they have less than `max` (`max_ssf`; default 0, no layer: TLS is better).
    #[must_use]
    pub fn with_strength(self, min: u32, max: u32) -> Self {
        Self { min_ssf: min, max_ssf: max, ..self }
    }

    /// Lets the application decide who acts as whom.
    #[must_use]
    pub fn with_proxy(self, proxy: Proxy) -> Self {
        Self { proxy, ..self }
    }

    /// What is asked of a mechanism.
    #[must_use]
    pub fn demands(&self) -> Guarantees {
        self.demands
    }

    /// The least bits of channel and mechanism together.
    #[must_use]
    pub fn min_ssf(&self) -> u32 {
        self.min_ssf
    }

    /// The bits from which on no layer is added.
    #[must_use]
    pub fn max_ssf(&self) -> u32 {
        self.max_ssf
    }

    /// Whether a user may ask to act as another.
    #[must_use]
    pub fn proxy(&self) -> Proxy {
        self.proxy
    }

    /// Whether a mechanism that makes `promises`, and adds a layer of at most `max_layer` bits, will do on `channel`.
    ///
    /// As in libsasl2, a channel of more than one bit, and of the strength we ask for, makes up for a missing
    /// [`Guarantees::NO_PLAINTEXT`].
    ///
    /// # Errors
    /// [`Reason::TooWeak`], [`Reason::EncryptionRequired`] or [`Reason::NoMechanism`], tested in this order.
    pub fn admit(&self, promises: Guarantees, max_layer: u32, channel: &Channel) -> Result<(), Failure> {
        if max_layer < self.min_ssf.saturating_sub(channel.strength()) {
            return Err(Failure::new(Reason::TooWeak, "no layer as strong as the policy asks"));
        }
        let shielded = channel.strength() > 1 && self.min_ssf <= channel.strength();
        let promises = if shielded { promises | Guarantees::NO_PLAINTEXT } else { promises };
        match self.demands.missing_from(promises) {
            missing if missing.is_none() => Ok(()),
            missing if Guarantees::NO_PLAINTEXT.missing_from(missing).is_none() => {
                Err(Failure::new(Reason::EncryptionRequired, "plaintext on an unprotected channel"))
            }
            _ => Err(Failure::new(Reason::NoMechanism, "the policy forbids the mechanism")),
        }
    }
}
