//! A server's certificate, of which a channel binding is made.

use sasl_core::channel::binding::{BindingType, ChannelBinding};

pub(super) fn run(input: &[u8]) {
    let Some(binding) = ChannelBinding::tls_server_end_point(input) else { return };
    assert!(binding.kind() == BindingType::TlsServerEndPoint && [28, 32, 48, 64].contains(&binding.data().len()));
    let cut = ChannelBinding::tls_server_end_point(&input[..input.len() / 2]);
    assert!(cut.is_none_or(|cut| cut.data() != binding.data()));
}
