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
    max_buffer: u32,
    proxy: Proxy,
    binding: Binding,
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
    /// The application is asked, and a mechanism that cannot carry the question will not do (libsasl2's
    /// `SASL_NEED_PROXY`).
    Required,
}

/// Whether an exchange must be tied to the channel.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Binding {
    /// Where both sides can.
    #[default]
    Optional,
    /// Or it fails: SCRAM's `-PLUS` alone will do.
    Required,
}

/// The largest packet of a layer that we take unless told otherwise, in bytes (RFC 2831 section 2.1.1).
const MAX_BUFFER: u32 = 65536;

impl Default for Policy {
    fn default() -> Self {
        let demands = Guarantees::NO_PLAINTEXT | Guarantees::NO_ANONYMOUS;
        let (proxy, binding) = (Proxy::default(), Binding::default());
        Self { demands, min_ssf: 0, max_ssf: 0, max_buffer: MAX_BUFFER, proxy, binding }
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

    /// Takes packets of a layer of at most `bytes` (libsasl2's `maxbufsize`; default 65536; at most 16777215). With 0
    /// there is no layer.
    #[must_use]
    pub fn with_max_buffer(self, bytes: u32) -> Self {
        Self { max_buffer: bytes, ..self }
    }

    /// Says whether an exchange must be tied to the channel.
    #[must_use]
    pub fn with_channel_binding(self, binding: Binding) -> Self {
        Self { binding, ..self }
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

    /// The largest packet of a layer that is taken, in bytes.
    #[must_use]
    pub fn max_buffer(&self) -> u32 {
        self.max_buffer
    }

    /// Whether an exchange must be tied to the channel.
    #[must_use]
    pub fn channel_binding(&self) -> Binding {
        self.binding
    }

    /// Whether a mechanism that makes `promises`, and adds a layer of at most `max_layer` bits, will do on `channel`.
    ///
    /// As in libsasl2, a channel of more than one bit, and of the strength we ask for, makes up for a missing
    /// [`Guarantees::NO_PLAINTEXT`].
    ///
    /// # Errors
    /// [`Reason::TooWeak`], [`Reason::EncryptionRequired`] or [`Reason::NoMechanism`], tested in this order.
    pub fn admit(&self, promises: Guarantees, max_layer: u32, channel: &Channel) -> Result<(), Failure> {
        if self.min_ssf > 0 && self.max_buffer == 0 {
            return Err(Failure::new(Reason::TooWeak, "a layer is asked for, and no room for its packets is given"));
        }
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
