//! Nonces: text that was never sent before and that nobody can foresee.

use crate::{failure::Failure, random};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use std::sync::Arc;

/// How a mechanism writes its nonce.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Notation {
    /// 128 random bits in base64.
    Server,
    /// 88 random bits in base64: with a server's nonce of ours, the first hash of DIGEST-MD5 then takes one block.
    Client,
    /// 144 random bits in base64: SCRAM's.
    Scram,
    /// 128 random bits as two decimal numbers around a dot: the left part of a msg-id.
    MessageId,
}

/// A source of nonces: the operating system, or, in a test, a recorded one.
#[derive(Clone)]
pub(crate) struct Nonces(Arc<dyn Fn(Notation) -> Result<String, Failure> + Send + Sync>);

impl Nonces {
    pub(crate) fn from_system() -> Self {
        Self(Arc::new(fresh))
    }

    #[cfg(test)]
    pub(crate) fn recorded(nonce: &str) -> Self {
        let nonce = nonce.to_owned();
        Self(Arc::new(move |_| Ok(nonce.clone())))
    }

    pub(crate) fn next(&self, notation: Notation) -> Result<String, Failure> {
        (self.0)(notation)
    }
}

fn fresh(notation: Notation) -> Result<String, Failure> {
    Ok(match notation {
        Notation::Server => BASE64.encode(random::bytes::<16>()?),
        Notation::Client => BASE64.encode(random::bytes::<11>()?),
        Notation::Scram => BASE64.encode(random::bytes::<18>()?),
        Notation::MessageId => {
            let bytes = random::bytes::<16>()?;
            let (left, right) = bytes.split_first_chunk::<8>().expect("8 of 16 bytes");
            let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
            [number(left).to_string(), number(right).to_string()].join(".")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_each_keeps_its_notation() {
        let nonces = Nonces::from_system();
        let (a, b) = (nonces.next(Notation::Server).unwrap(), nonces.next(Notation::Server).unwrap());
        assert_ne!(a, b);
        assert_eq!((a.len(), nonces.next(Notation::Client).unwrap().len()), (22, 15));
        let id = nonces.next(Notation::MessageId).unwrap();
        assert!(id.split('.').count() == 2 && id.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit()), "{id}");
    }
}
