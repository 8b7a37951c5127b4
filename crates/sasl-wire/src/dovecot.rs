//! Dovecot's authentication protocol, version 1.2: lines of fields with tabs between them, on a connection that carries many
//! exchanges at once.
//!
//! ```text
//! server = "VERSION" 1 2, a "MECH" name flags... for each mechanism, "SPID" pid, "CUID" number, "COOKIE" hex, "DONE";
//!          then, in any order, "OK" id user=..., "CONT" id challenge, "FAIL" id ...
//! client = "VERSION" 1 2, "CPID" pid; then "AUTH" id mechanism service=... [resp=response], "CONT" id response, "CANCEL" id
//! ```
//!
//! Both sides begin at once, and neither waits for the other. Challenges and responses are in base64, and are left so here: whoever
//! decodes one owns what there is to wipe. Words that nobody here knows are passed over, as later versions ask for.

pub mod client;
mod field;
pub mod line;
pub mod master;
pub mod reply;
pub mod request;
