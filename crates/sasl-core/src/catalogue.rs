//! Which mechanisms there are, in the order of libsasl2's list: best first.

use crate::{
    mechanism::Mechanism,
    mechanisms::{
        anonymous::ANONYMOUS,
        cram_md5::CRAM_MD5,
        digest_md5::DIGEST_MD5,
        external::EXTERNAL,
        login::LOGIN,
        oauth::{OAUTHBEARER, XOAUTH2},
        plain::PLAIN,
    },
};

/// Those of libsasl2. What is offered of them is a matter of policy, and of the channel.
pub static STANDARD: &[&Mechanism] = &[&DIGEST_MD5, &EXTERNAL, &CRAM_MD5, &PLAIN, &LOGIN, &ANONYMOUS];

/// Those, and the ones for bearer tokens: for a client, and for a server that can tell whose a token is.
pub static ALL: &[&Mechanism] =
    &[&DIGEST_MD5, &EXTERNAL, &CRAM_MD5, &PLAIN, &LOGIN, &OAUTHBEARER, &XOAUTH2, &ANONYMOUS];
