//! What an input decides before its messages begin: an octet a choice.

use sasl_core::{
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    guarantees::Guarantees,
    policy::{Binding, Policy, Proxy},
};

/// The octets of an input, from the front. Behind its end they are zeros.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn of(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn octet(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::from(self.octet()) % all.len()].clone()
    }

    /// What is left: messages, with 0xff between them.
    pub(crate) fn messages(self) -> impl Iterator<Item = &'a [u8]> {
        let rest = Some(self.0).filter(|rest| !rest.is_empty());
        rest.into_iter().flat_map(|rest| rest.split(|octet| *octet == 0xff))
    }

    /// One octet for its strength, one for what it knows.
    pub(crate) fn channel(&mut self) -> Channel {
        let channel = Channel::tls(self.one_of(&[0, 1, 56, 256]));
        let known = self.octet();
        let channel = if known & 1 == 0 { channel } else { channel.with_external("tim") };
        let bindings = [BindingType::TlsExporter, BindingType::TlsUnique, BindingType::TlsServerEndPoint];
        let bindings = bindings.into_iter().enumerate().filter(|(bit, _)| known >> 1 & 1 << bit != 0);
        bindings.fold(channel, |channel, (_, kind)| channel.with_binding(ChannelBinding::new(kind, "a channel")))
    }

    /// One octet each for its demands, for proxying and binding, and for the layer.
    pub(crate) fn policy(&mut self) -> Policy {
        let default = Policy::default().demands();
        let demands = self.one_of(&[Guarantees::NONE, default, Guarantees::MUTUAL_AUTH, Guarantees::NO_ACTIVE]);
        let proxy = self.octet();
        let binding = if proxy & 4 == 0 { Binding::Optional } else { Binding::Required };
        let proxy = [Proxy::Ask, Proxy::Forbid, Proxy::Required, Proxy::Ask][usize::from(proxy & 3)];
        let (min, max, room) = self.one_of(&[
            (0, 0, 65536),
            (0, 128, 65536),
            (1, 1, 256),
            (40, 56, 65536),
            (56, 112, 17),
            (0, 256, 0),
            (112, 112, 60),
            (128, u32::MAX, u32::MAX),
        ]);
        let policy = Policy::default().demanding(demands).with_proxy(proxy).with_channel_binding(binding);
        policy.with_strength(min, max).with_max_buffer(room)
    }
}

/// A password that nobody can have written into an input, since all of the input decides what it is.
pub(crate) fn out_of_reach(input: &[u8]) -> String {
    let hash =
        |start: u64| input.iter().fold(start, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3));
    format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15))
}
