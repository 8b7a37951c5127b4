//! The credential store: one record a user, verifiers in place of passwords.
//!
//! ```
//! use sasl_core::{identity::Login, verifier::{Scheme, Verifiers, argon2id::Memory}};
//! use sasldb::{location::{Access, Location}, name::Name, open::open, record::Record, store::Change};
//!
//! # let directory = tempfile::tempdir()?;
//! let location = Location::parse(directory.path().join("sasldb2"));
//! let store = open(&location, Access::Create)?;
//! let name = Name::new(b"tim", b"example.com")?;
//! let verifiers = Verifiers::derive(&[Scheme::CramMd5], &name.login(), &[], b"pencil", &mut Memory::default())?;
//! store.write(&mut [Change::Put(Record::new(name, verifiers)?)].into_iter())?;
//! assert!(store.get(name)?.is_some_and(|record| record.verifiers().check(b"pencil", &mut Memory::default())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod error;
mod lmdb;
pub mod location;
mod meta;
pub mod name;
pub mod open;
mod place;
pub mod private;
pub mod record;
mod sled;
pub mod store;
pub mod users;
