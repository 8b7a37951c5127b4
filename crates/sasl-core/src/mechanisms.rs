//! One RFC a file, both halves.

pub mod cram_md5;
pub mod digest_md5;
pub mod login;
pub mod plain;
