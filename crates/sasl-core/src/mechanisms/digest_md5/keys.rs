//! The keys of the layer (RFC 2831 sections 2.3 and 2.4).

use super::qop::{Cipher, Qop};
use crate::layer::{Agreed, Keys, Layer, Protection};
use md5::{Digest, Md5};

/// Whose half this is.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Client,
    Server,
}

/// The largest packets that both sides take, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) ours: u32,
    pub(super) peers: u32,
}

/// The layer that was agreed on; `h_a1` is H(A1), of which the keys are made.
pub(super) fn layer(h_a1: &[u8; 16], qop: Qop, side: Side, room: Room) -> Option<Layer> {
    let (protection, length) = match qop {
        Qop::Auth => return None,
        Qop::AuthInt => (Protection::Integrity, 16),
        Qop::AuthConf(Cipher::Rc4With40Bits) => (Protection::Rc4, 5),
        Qop::AuthConf(Cipher::Rc4With56Bits) => (Protection::Rc4, 7),
        Qop::AuthConf(Cipher::Rc4) => (Protection::Rc4, 16),
        Qop::AuthConf(Cipher::Des) => (Protection::Des, 16),
        Qop::AuthConf(Cipher::TripleDes) => (Protection::TripleDes, 16),
    };
    let [own_maxbuf, peer_maxbuf] = [room.ours, room.peers].map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let agreed = Agreed { protection, ssf: qop.ssf(), own_maxbuf, peer_maxbuf };
    let keys = |way: &str| Keys {
        signing: key(h_a1, &["session key to ", way, " signing"].concat()),
        sealing: key(&h_a1[..length], &["H(A1) to ", way, " sealing"].concat()),
    };
    let (to_server, to_client) = (keys("client-to-server"), keys("server-to-client"));
    Some(match side {
        Side::Client => Layer::new(&agreed, &to_server, &to_client),
        Side::Server => Layer::new(&agreed, &to_client, &to_server),
    })
}

/// H(start of H(A1), "Digest … key magic constant").
fn key(start: &[u8], purpose: &str) -> [u8; 16] {
    let hash = Md5::new_with_prefix(start).chain_update(b"Digest ").chain_update(purpose);
    hash.chain_update(b" key magic constant").finalize().into()
}
