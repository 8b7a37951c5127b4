//! One RFC a file, both halves.

pub mod anonymous;
pub mod cram_md5;
pub mod digest_md5;
pub mod external;
mod gs2;
pub mod login;
pub mod oauth;
pub mod plain;
pub mod scram;
