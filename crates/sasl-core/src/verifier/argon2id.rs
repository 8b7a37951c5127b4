//! The slow hash for PLAIN and LOGIN (RFC 9106), as a PHC string.

use crate::{
    failure::{Failure, Reason},
    random,
    secret::Secret,
};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The work that new hashes take: 19 MiB, two passes, one lane (the OWASP minimum for argon2id).
pub const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// More memory (in KiB) and more passes than these are not spent, whatever a store says.
const MOST: (u32, u32) = (1024 * 1024, 10);

const SALT: usize = 16;
const HASH: usize = 32;

/// An argon2id hash with its salt and its cost.
#[derive(Clone)]
pub struct Argon2id {
    params: Params,
    salt: Box<[u8]>,
    hash: Zeroizing<Box<[u8]>>,
}

/// The memory that argon2id fills. Kept from one check to the next, it saves nearly half the time; dropped, it
/// goes back to the system.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Argon2id {
    /// Hashes `password` at [`COST`] with a fresh salt.
    ///
    /// # Errors
    /// [`Reason::Unavailable`] where the system gives no randomness or memory.
    pub fn derive(password: &[u8], memory: &mut Memory) -> Result<Self, Failure> {
        let unavailable = |_| Failure::new(Reason::Unavailable, "argon2id failed");
        let params = Params::new(COST.0, COST.1, COST.2, Some(HASH)).map_err(unavailable)?;
        let salt = random::bytes::<SALT>()?;
        let mut hash = Zeroizing::new(vec![0; HASH].into_boxed_slice());
        fill(&params, password, &salt, &mut hash, memory).map_err(unavailable)?;
        Ok(Self { params, salt: salt.into(), hash })
    }

    /// A hash that no password has: what a user who is not there is checked against.
    pub(crate) fn decoy() -> Self {
        let params = Params::new(COST.0, COST.1, COST.2, Some(HASH)).expect("the cost is within argon2's limits");
        Self { params, salt: [0; SALT].into(), hash: Zeroizing::new([0; HASH].into()) }
    }

    /// Reads a PHC string. One that asks for more than 1 GiB or ten passes is refused: it would be an attack.
    ///
    /// # Errors
    /// [`Reason::Malformed`].
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        let malformed = || Failure::malformed("no argon2id string within limits");
        let phc = PasswordHash::new(text).map_err(|_| malformed())?;
        let params = Params::try_from(&phc).map_err(|_| malformed())?;
        let (Some(salt), Some(hash), Some(0x13)) = (&phc.salt, &phc.hash, phc.version) else { return Err(malformed()) };
        if phc.algorithm.as_str() != "argon2id"
            || params.m_cost() > MOST.0
            || params.t_cost() > MOST.1
            || hash.len() < 16
        {
            return Err(malformed());
        }
        Ok(Self { params, salt: salt.as_ref().into(), hash: Zeroizing::new(hash.as_bytes().into()) })
    }

    /// The PHC string.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let start = format!("$argon2id$v=19$m={m},t={t},p={p}${}$", BASE64.encode(&self.salt));
        let hash = Zeroizing::new(BASE64.encode(&**self.hash));
        Secret::new([start.as_bytes(), hash.as_bytes()].concat())
    }

    /// Whether `password` hashes to this. Where there is no memory for it, it does not.
    #[must_use]
    pub fn check(&self, password: &[u8], memory: &mut Memory) -> bool {
        let mut hash = Zeroizing::new(vec![0; self.hash.len()]);
        let filled = fill(&self.params, password, &self.salt, &mut hash, memory);
        filled.is_ok() & bool::from(hash.ct_eq(&self.hash))
    }
}

impl Memory {
    /// Above this many bytes the C library takes memory from the system and gives it back at once, whatever was
    /// freed before; below, it keeps what was freed. What is asked for but not filled costs nothing.
    const ASKED: usize = 33 * 1024 * 1024;

    fn of(&mut self, blocks: usize) -> Result<&mut [Block], argon2::Error> {
        if self.0.len() < blocks {
            self.0 = Vec::new();
            let asked = blocks.max(Self::ASKED / Block::SIZE);
            self.0.try_reserve_exact(asked).map_err(|_| argon2::Error::OutOfMemory)?;
            self.0.resize(blocks, Block::new());
        }
        Ok(&mut self.0[..blocks])
    }
}

fn fill(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    hash: &mut [u8],
    memory: &mut Memory,
) -> Result<(), argon2::Error> {
    let blocks = memory.of(params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    argon2.hash_password_into_with_memory(password, salt, hash, blocks)
}

impl fmt::Debug for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2id(..)")
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} blocks)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        let text = |params: &str| format!("$argon2id$v=19${params}$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA");
        assert!(Argon2id::from_text(&text("m=64,t=1,p=1")).is_ok());
        for bad in ["m=1048577,t=1,p=1", "m=64,t=11,p=1", "m=64,t=0,p=1", "m=1,t=1,p=1"] {
            assert!(Argon2id::from_text(&text(bad)).is_err(), "{bad}");
        }
        assert!(Argon2id::from_text(&text("m=64,t=1,p=1").replace("2id", "2i")).is_err());
        assert!(Argon2id::from_text(&text("m=64,t=1,p=1").replace("19", "16")).is_err());
    }

    #[test]
    fn memory_serves_hashes_of_every_size_in_any_order() {
        let small = Argon2id::from_text("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA").unwrap();
        let memory = &mut Memory::default();
        let large = Argon2id::derive(b"pencil", memory).unwrap();
        assert!(!small.check(b"pencil", memory));
        assert!(large.check(b"pencil", memory) && large.check(b"pencil", &mut Memory::default()));
    }
}
