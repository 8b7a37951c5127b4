//! Passwords that other servers check: an IMAP server, a web form, an LDAP directory.
//!
//! ```no_run
//! use sasl_core::secret::Secret;
//! use sasl_remote::{attempt::{Attempt, Verdict}, imap::Rimap};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let rimap = Rimap::new("imaps://imap.example.com")?;
//! let attempt = Attempt {
//!     login: b"tim".to_vec(),
//!     password: Secret::new("tanstaaftanstaaf"),
//!     service: b"smtp".to_vec(),
//!     realm: Vec::new(),
//! };
//! let answer = rimap.check(&attempt).await;
//! println!("{}: {}", answer.verdict == Verdict::Accepted, answer.reason);
//! # Ok(())
//! # }
//! ```

pub mod address;
pub mod attempt;
pub mod conf;
pub mod deadline;
pub mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod imap;
pub mod ldap;
mod lines;
pub mod tls;
