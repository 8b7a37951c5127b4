#![doc = include_str!("../README.md")]

pub mod app_conf;
pub mod auth_info;
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
pub mod line;
mod md5_block;
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
