//! Which mechanisms there are, in the order of libsasl2's list: best first.

use crate::{
    mechanism::Mechanism,
    mechanisms::{cram_md5::CRAM_MD5, digest_md5::DIGEST_MD5, login::LOGIN, plain::PLAIN},
};

/// All of them. What is offered of it is a matter of policy.
pub static STANDARD: &[&Mechanism] = &[&DIGEST_MD5, &CRAM_MD5, &PLAIN, &LOGIN];
