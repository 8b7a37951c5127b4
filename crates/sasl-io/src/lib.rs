//! SASL exchanges in the lines of SMTP, IMAP and POP3, on either side.
//!
//! A [`Profile`](profile::Profile) is how the lines of a protocol look, a [`server::Exchange`] or [`client::Exchange`] what
//! is said in them. These do no I/O. The loops of `blocking` and `tokio`, each behind the feature of its name, carry the
//! lines over a stream.
//!
//! ```
//! # #[cfg(feature = "blocking")] {
//! use sasl_core::{
//!     catalogue, channel::Channel, client::Client, credentials::Credentials, host::Host, identity::Login,
//!     secret::Secret, server::Server, verifier::{Scheme, Verifiers, argon2id::Memory, scram::Hash},
//! };
//! use sasl_io::{blocking::{self, Joined}, client, server::{self, Command}, smtp::Smtp};
//! use std::{collections::HashMap, io::{BufRead, BufReader}, os::unix::net::UnixStream, thread};
//!
//! let (ours, theirs) = UnixStream::pair()?;
//! let host = Host::new("smtp", "mail.example.com");
//! let tim = Login::parse("tim")?;
//! let kept = Verifiers::derive(&[Scheme::Scram(Hash::Sha256)], &tim, &[], b"pencil", &mut Memory::default())?;
//! let users = HashMap::from([(tim, kept)]);
//! let server = Server::builder(catalogue::STANDARD, host.clone()).build();
//!
//! thread::spawn(move || {
//!     let mut stream = Joined::new(BufReader::new(&theirs), &theirs);
//!     let mut command = String::new();
//!     stream.read_line(&mut command).expect("a command");
//!     let arguments = command.strip_prefix("AUTH ").expect("there is only this one");
//!     let channel = Channel::plain();
//!     let exchange = server::Exchange::new(&server, &channel, Smtp);
//!     match blocking::serve(&exchange, Command::parse(arguments.as_bytes()), &mut stream, &users) {
//!         Ok(Ok(success)) => println!("{} is in", success.identity().acts_as()),
//!         Ok(Err(failure)) => println!("{failure}: {}", failure.cause()),
//!         Err(error) => println!("gone: {error}"),
//!     }
//! });
//!
//! let mut stream = Joined::new(BufReader::new(&ours), &ours);
//! let client = Client::new(catalogue::ALL, host, Credentials::new("tim", Secret::new("pencil")));
//! let choice = client.choose(&Channel::plain(), ["SCRAM-SHA-256", "PLAIN"])?;
//! blocking::authenticate(client::Exchange::new(choice, Smtp), &mut stream)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "blocking")]
pub mod blocking;
pub mod client;
pub mod imap;
pub mod pop3;
pub mod profile;
pub mod server;
pub mod smtp;
#[cfg(feature = "tokio")]
pub mod tokio;
