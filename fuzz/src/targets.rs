//! The targets, a file each: a parser, or an exchange. A new one is a module here, a row in the table, and some seeds.

mod app_conf;
mod auth_info;
mod auth_options;
mod auth_param;
mod certificate;
mod client_exchange;
mod control_request;
mod conversation;
mod cram_md5;
mod digest_md5_challenge;
mod digest_md5_response;
mod dovecot_reply;
mod dovecot_request;
mod escape;
mod exchange;
mod identity;
mod layer;
mod ldap_message;
mod line;
mod login;
mod mechanism_name;
mod oauth;
mod plain;
mod remote_reply;
mod saslauthd_conf;
mod saslauthd_reply;
mod saslauthd_request;
mod saslprep;
mod scram_challenge;
mod scram_response;
mod server_exchange;
mod verifier;
mod xtext;

/// What a target does with an input: nothing, or it panics.
pub type Body = fn(&[u8]);

/// Each by its name, which is that of its folder of seeds.
pub const ALL: &[(&str, Body)] = &[
    ("app_conf", app_conf::run),
    ("auth_info", auth_info::run),
    ("auth_options", auth_options::run),
    ("auth_param", auth_param::run),
    ("certificate", certificate::run),
    ("client_exchange", client_exchange::run),
    ("control_request", control_request::run),
    ("conversation", conversation::run),
    ("cram_md5", cram_md5::run),
    ("digest_md5_challenge", digest_md5_challenge::run),
    ("digest_md5_response", digest_md5_response::run),
    ("dovecot_reply", dovecot_reply::run),
    ("dovecot_request", dovecot_request::run),
    ("escape", escape::run),
    ("exchange", exchange::run),
    ("identity", identity::run),
    ("layer", layer::run),
    ("ldap_message", ldap_message::run),
    ("line", line::run),
    ("login", login::run),
    ("mechanism_name", mechanism_name::run),
    ("oauth", oauth::run),
    ("plain", plain::run),
    ("remote_reply", remote_reply::run),
    ("saslauthd_conf", saslauthd_conf::run),
    ("saslauthd_reply", saslauthd_reply::run),
    ("saslauthd_request", saslauthd_request::run),
    ("saslprep", saslprep::run),
    ("scram_challenge", scram_challenge::run),
    ("scram_response", scram_response::run),
    ("server_exchange", server_exchange::run),
    ("verifier", verifier::run),
    ("xtext", xtext::run),
];

/// The target of that name.
pub fn find(name: &str) -> Option<Body> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, body)| *body)
}
