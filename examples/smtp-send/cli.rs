//! The flags, as they are typed.

use clap::{Arg, ArgAction, Command, builder::NonEmptyStringValueParser, value_parser};
use std::path::PathBuf;

/// The command, from which help is made.
pub(crate) fn command() -> Command {
    Command::new("smtp-send")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sends the message on standard input through a submission server")
        .after_help(EXAMPLES)
        .args(operands())
        .args(flags_of_tls())
        .args(flags_of_sasl())
        .args(other_flags())
}

const EXAMPLES: &str = "Says what was done on standard output. Exits with 0 if the message was taken for every recipient, with 1 \
    if not, with 2 if the command line makes no sense.\n\n\
    A password is never an argument. In a file that only you can read, for that server or (without a name) any:\n  \
      AuthInfo:mail.example.org \"U:tim@example.org\" \"P:pencil\"\n\n\
    Then:\n  \
      smtp-send --auth-info FILE --from tim@example.org \\\n      \
          mail.example.org:587 bob@example.com <message";

fn operands() -> [Arg; 3] {
    [
        Arg::new("server")
            .value_name("HOST:PORT")
            .required(true)
            .help("The server; [::1]:587 where it is an IPv6 address"),
        Arg::new("recipients").value_name("RECIPIENT").required(true).num_args(1..).help("To whom"),
        value("from", "ADDRESS", "From whom; an empty one is nobody")
            .required(true)
            .value_parser(value_parser!(String)),
    ]
}

fn flags_of_tls() -> [Arg; 7] {
    [
        switch("tls", "Begin with TLS (smtps); without it, TLS begins with STARTTLS where the server offers that"),
        switch("require-tls", "Send nothing without TLS"),
        switch("without-tls", "Do without TLS even where the server offers it")
            .conflicts_with_all(["tls", "require-tls"]),
        file("ca", "FILE", "Authorities that are trusted to know the server (PEM)")
            .default_value("/etc/ssl/certs/ca-certificates.crt"),
        value("server-name", "NAME", "The name in the server's certificate, and for SASL; HOST unless given"),
        file("client-cert", "FILE", "Our certificate (PEM), for EXTERNAL").requires("client-key"),
        file("client-key", "FILE", "Its key (PEM)").requires("client-cert"),
    ]
}

fn flags_of_sasl() -> [Arg; 5] {
    [
        file("auth-info", "FILE", "Lines of sendmail's AuthInfo: who we are, for which server"),
        value(
            "options",
            "LETTERS",
            "sendmail's AuthOptions: p for no plaintext password without TLS, A for AUTH= with MAIL FROM only once we are \
                logged in, a c d f m y for more",
        )
        .value_parser(value_parser!(String))
            .default_value("A p y"),
        value("max-ssf", "BITS", "Let DIGEST-MD5 add a security layer where TLS has less than so many bits; 0 is never")
            .value_parser(value_parser!(u32))
            .default_value("0"),
        switch("require-auth", "Send nothing unless we are logged in"),
        switch("fall-back", "Try weaker mechanisms where the server refuses one; with TLS, it may end with our password"),
    ]
}

fn other_flags() -> [Arg; 3] {
    [
        value("helo", "NAME", "Our name in EHLO").default_value("localhost"),
        value("timeout", "SECONDS", "How long the server may take for a reply")
            .value_parser(value_parser!(u64).range(1..))
            .default_value("300"),
        switch("verbose", "Show commands and replies on standard error, but for the login").short('v'),
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
