//! SASL (RFC 4422) without I/O.
//!
//! A [`Server`](server::Server) turns what the client said into a [`Step`](step::Step): a reply for the client, or
//! a question for you. A [`Client`](client::Client) is handed credentials and answers challenges. Nothing here reads
//! a clock, a file or a socket.
//!
//! ```
//! use sasl_core::{
//!     catalogue, channel::Channel, client::Client, credentials::Credentials, host::Host, identity::Login,
//!     secret::Secret, server::Server, step::Reply, verifier::{Scheme, Verifiers, argon2id::Memory},
//! };
//! use std::collections::HashMap;
//!
//! let tim = Login::parse("tim@example.com")?;
//! let kept = Verifiers::derive(&[Scheme::CramMd5], &tim, &[], b"pencil", &mut Memory::default())?;
//! let users = HashMap::from([(tim, kept)]);
//! let host = Host::new("smtp", "mail.example.com");
//! let server = Server::builder(catalogue::STANDARD, host.clone()).build();
//! let client = Client::new(catalogue::STANDARD, host, Credentials::new("tim@example.com", Secret::new("pencil")));
//!
//! let channel = Channel::plain();
//! let chosen = client.choose(&channel, ["PLAIN", "CRAM-MD5"])?;
//! let response = chosen.begin()?;
//! let step = server.start(&channel, chosen.name().as_str(), response.message());
//! let Reply::Continue(challenge) = step.answered_by(&users) else { panic!() };
//! let response = response.challenge(challenge.message())?;
//! let step = challenge.respond(response.message().unwrap_or_default());
//! let Reply::Done(success) = step.answered_by(&users) else { panic!() };
//! assert_eq!(success.identity().acts_as().to_string(), "tim@example.com");
//! # Ok::<(), sasl_core::failure::Failure>(())
//! ```

pub mod app_conf;
pub mod auth_options;
pub mod auth_param;
pub mod catalogue;
pub mod channel;
pub mod client;
pub mod client_step;
pub mod credentials;
mod decoys;
pub mod escape;
pub mod failure;
pub mod guarantees;
mod hex;
pub mod host;
pub mod identity;
pub mod layer;
pub mod mechanism;
pub mod mechanisms;
pub mod name;
mod nonce;
pub mod policy;
pub mod prepare;
pub mod random;
pub mod reauth;
pub mod secret;
pub mod server;
pub mod step;
pub mod store;
pub mod verifier;
pub mod xtext;

#[cfg(test)]
mod vectors;
