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
        scram::{SCRAM_SHA_1, SCRAM_SHA_1_PLUS, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, SCRAM_SHA_512, SCRAM_SHA_512_PLUS},
    },
};

/// Those of libsasl2. What is offered of them is a matter of policy, and of the channel.
pub static STANDARD: &[&Mechanism] = &[
    &SCRAM_SHA_512_PLUS,
    &SCRAM_SHA_512,
    &SCRAM_SHA_256_PLUS,
    &SCRAM_SHA_256,
    &SCRAM_SHA_1_PLUS,
    &SCRAM_SHA_1,
    &DIGEST_MD5,
    &EXTERNAL,
    &CRAM_MD5,
    &PLAIN,
    &LOGIN,
    &ANONYMOUS,
];

/// Those for bearer tokens: for a server that can tell whose a token is.
pub static BEARER: &[&Mechanism] = &[&OAUTHBEARER, &XOAUTH2];

/// All of them, for a client: it chooses what its credentials fit.
pub static ALL: &[&Mechanism] = &[
    &SCRAM_SHA_512_PLUS,
    &SCRAM_SHA_512,
    &SCRAM_SHA_256_PLUS,
    &SCRAM_SHA_256,
    &SCRAM_SHA_1_PLUS,
    &SCRAM_SHA_1,
    &DIGEST_MD5,
    &EXTERNAL,
    &CRAM_MD5,
    &PLAIN,
    &LOGIN,
    &OAUTHBEARER,
    &XOAUTH2,
    &ANONYMOUS,
];
