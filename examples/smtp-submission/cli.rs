//! The flags, as they are typed.

use clap::{Arg, ArgAction, Command, builder::NonEmptyStringValueParser, value_parser};
use std::{net::SocketAddr, path::PathBuf};

/// The command, from which help is made.
pub(crate) fn command() -> Command {
    Command::new("smtp-submission")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Takes messages from mail clients that authenticate, or for local recipients; relays none of them")
        .after_help(EXAMPLES)
        .args(flags_of_the_network())
        .args(flags_of_sasl())
        .args(flags_of_tls())
        .args(flags_of_mail())
}

const EXAMPLES: &str = "At its start it says what EHLO offers before and after TLS, and where it listens; then a line for each \
    login and each message. SIGINT and SIGTERM end it, once messages on their way have been taken.\n\n\
    A store to begin with, and a server on it:\n  \
      printf pencil | saslpasswd2 -p -c -f /tmp/users tim@example.org\n  \
      smtp-submission --database /tmp/users --hostname mail.example.org \\\n      \
          --realm example.org --local example.org --write-certs /tmp/certs";

fn flags_of_the_network() -> [Arg; 4] {
    [
        value("listen", "ADDRESS", "Listen here without TLS, and offer STARTTLS; port 0 is any that is free")
            .value_parser(value_parser!(SocketAddr))
            .default_value("127.0.0.1:2587"),
        value("listen-tls", "ADDRESS", "Listen here with TLS from the first octet (smtps)")
            .value_parser(value_parser!(SocketAddr))
            .default_value("127.0.0.1:2465"),
        value("timeout", "SECONDS", "How long a client may take for a line, a login or a handshake")
            .value_parser(value_parser!(u64).range(1..))
            .default_value("300"),
        value("hostname", "NAME", "Our name, in the greeting and for SASL; this host's unless given"),
    ]
}

fn flags_of_sasl() -> [Arg; 6] {
    [
        value("database", "STORE", "Where the users are, as saslpasswd2 -f has it; /etc/sasldb2 unless given"),
        value(
            "realm",
            "REALM",
            "Of users that name none, and the one that DIGEST-MD5 offers; the hostname unless given",
        ),
        value(
            "mechanisms",
            "LIST",
            "What to offer, in this order, as in sendmail's AuthMechanisms; \"all\" is everything",
        )
        .default_value("LOGIN PLAIN DIGEST-MD5 CRAM-MD5"),
        value(
            "options",
            "LETTERS",
            "sendmail's AuthOptions: p for no plaintext without TLS, y for nobody anonymous, a c d f m for more; \
                A is for clients",
        )
        .value_parser(value_parser!(String))
        .default_value("A p y"),
        value(
            "max-ssf",
            "BITS",
            "Let DIGEST-MD5 add a security layer where TLS has less than so many bits; 0 is never",
        )
        .value_parser(value_parser!(u32))
        .default_value("0"),
        switch("require-auth", "Take nothing from those who have not authenticated, for local recipients neither"),
    ]
}

fn flags_of_tls() -> [Arg; 4] {
    [
        file(
            "cert",
            "FILE",
            "Certificate, and those that lead to its authority (PEM); without it there are test certificates, made anew \
                at each start",
        )
        .requires("key"),
        file("key", "FILE", "Key of the certificate (PEM)").requires("cert"),
        file("client-ca", "FILE", "Authorities of clients (PEM): who has a certificate may log in by EXTERNAL, as its subject")
            .requires("cert"),
        file(
            "write-certs",
            "DIRECTORY",
            "Where to write the test certificates: ca.pem, server.pem, server.key, client.pem and client.key",
        )
        .conflicts_with("cert"),
    ]
}

fn flags_of_mail() -> [Arg; 3] {
    [
        value(
            "local",
            "DOMAIN",
            "Take messages for this domain from anybody; may be repeated; the hostname unless given",
        )
        .action(ArgAction::Append),
        file(
            "deliver",
            "DIRECTORY",
            "Write each message into a file there; without it, a line on standard output is all that stays of one",
        ),
        value("max-size", "OCTETS", "The largest message")
            .value_parser(value_parser!(u32).range(1..))
            .default_value("10485760"),
    ]
}

fn value(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(what).help(help).value_parser(NonEmptyStringValueParser::new())
}

fn file(name: &'static str, what: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(what).help(help).value_parser(value_parser!(PathBuf))
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
