//! What the client says (RFC 5321 section 4.1), read into values.

use crate::{
    mailbox::{Mailbox, Sender, split_path},
    reply::Reply,
};
use sasl_core::auth_param::AuthParam;

/// The longest command but AUTH, in octets: 512, and what the parameters of MAIL may add to it (RFC 4954 section 5, RFC 1870).
const MAX_COMMAND: usize = 512 + 500 + 26;

/// A command.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Command<'l> {
    Ehlo,
    Helo,
    StartTls,
    /// What follows the name: it may hold a password.
    Auth(&'l [u8]),
    Mail(MailFrom),
    Rcpt(Mailbox),
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

/// MAIL FROM, with its parameters.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct MailFrom {
    pub(crate) sender: Sender,
    /// How many octets the message is going to have.
    pub(crate) size: Option<usize>,
    /// Who submitted it at first, as far as the client says.
    pub(crate) submitter: Option<AuthParam>,
}

impl<'l> Command<'l> {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &'l [u8]) -> Result<Self, Reply> {
        let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let (verb, rest) = line.split_at(end);
        if verb.eq_ignore_ascii_case(b"AUTH") {
            return Ok(Self::Auth(rest));
        }
        let printable = |text: &&[u8]| text.iter().all(|octet| matches!(octet, b' '..=b'~'));
        let rest = Some(rest).filter(printable).and_then(|rest| str::from_utf8(rest).ok());
        match rest {
            _ if line.len() > MAX_COMMAND => Err(Reply::new(500, "5.5.2", "line too long")),
            Some(rest) => read(verb, rest.trim_ascii()),
            None => Err(Reply::new(501, "5.5.2", "only printable ASCII is taken")),
        }
    }
}

fn read<'l>(verb: &[u8], rest: &str) -> Result<Command<'l>, Reply> {
    let alone =
        |command| if rest.is_empty() { Ok(command) } else { Err(Reply::new(501, "5.5.4", "no parameters here")) };
    let named =
        |command| if rest.is_empty() { Err(Reply::new(501, "5.5.4", "a name is missing")) } else { Ok(command) };
    match verb.to_ascii_uppercase().as_slice() {
        b"EHLO" => named(Command::Ehlo),
        b"HELO" => named(Command::Helo),
        b"STARTTLS" => alone(Command::StartTls),
        b"MAIL" => mail(rest).map(Command::Mail),
        b"RCPT" => rcpt(rest).map(Command::Rcpt),
        b"DATA" => alone(Command::Data),
        b"RSET" => alone(Command::Rset),
        b"QUIT" => alone(Command::Quit),
        b"NOOP" => Ok(Command::Noop),
        b"VRFY" => Ok(Command::Vrfy),
        _ => Err(Reply::new(500, "5.5.1", "unknown command")),
    }
}

fn mail(text: &str) -> Result<MailFrom, Reply> {
    let (address, parameters) = path("FROM:", text)?;
    let sender = match address {
        "" => None,
        address => Some(Mailbox::parse(address).ok_or(Reply::new(501, "5.1.7", "that is no address"))?),
    };
    let mail = MailFrom { sender, ..MailFrom::default() };
    parameters.split_ascii_whitespace().try_fold(mail, MailFrom::with)
}

fn rcpt(text: &str) -> Result<Mailbox, Reply> {
    let (address, parameters) = path("TO:", text)?;
    if !parameters.trim_ascii().is_empty() {
        return Err(Reply::new(555, "5.5.4", "unknown parameter"));
    }
    Mailbox::parse(address).ok_or(Reply::new(501, "5.1.3", "that is no address"))
}

fn path<'t>(keyword: &str, text: &'t str) -> Result<(&'t str, &'t str), Reply> {
    let behind = text.split_at_checked(keyword.len()).filter(|(start, _)| start.eq_ignore_ascii_case(keyword));
    let found = behind.and_then(|(_, behind)| split_path(behind));
    let whole = found.filter(|(_, parameters)| parameters.is_empty() || parameters.starts_with(' '));
    whole.ok_or(Reply::new(501, "5.5.2", "an address in angle brackets is missing"))
}

impl MailFrom {
    fn with(self, parameter: &str) -> Result<Self, Reply> {
        let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => {
                let size = value.parse().map_err(|_| Reply::new(501, "5.5.4", "SIZE is a number"))?;
                Ok(Self { size: Some(size), ..self })
            }
            "BODY" if value.eq_ignore_ascii_case("7BIT") || value.eq_ignore_ascii_case("8BITMIME") => Ok(self),
            "AUTH" => {
                let submitter = AuthParam::parse(value.as_bytes()).ok_or(sasl_io::smtp::Reply::BAD_PARAMETER)?;
                Ok(Self { submitter: Some(submitter), ..self })
            }
            _ => Err(Reply::new(555, "5.5.4", "unknown parameter")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> String {
        Command::parse(line.as_bytes()).unwrap_err().to_string()[..9].into()
    }

    #[test]
    fn commands_in_any_case() {
        assert_eq!(Command::parse(b"ehlo [127.0.0.1]"), Ok(Command::Ehlo));
        assert_eq!(Command::parse(b"StartTLS"), Ok(Command::StartTls));
        assert_eq!(Command::parse(b"auth PLAIN AGE="), Ok(Command::Auth(b" PLAIN AGE=")));
        assert_eq!(Command::parse(b"NOOP whatever"), Ok(Command::Noop));
        assert_eq!(
            Command::parse(b"rcpt to:<tim@example.org>"),
            Mailbox::parse("tim@example.org").map(Command::Rcpt).ok_or(Reply::plain(0, vec![]))
        );
    }

    #[test]
    fn mail_and_its_parameters() {
        let mail = |line: &str| match Command::parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(mail("MAIL FROM:<>"), MailFrom::default());
        let full = mail("MAIL from: <tim@example.org> SIZE=100 BODY=8BITMIME AUTH=e+3Dmc2@example.com");
        assert_eq!(full.sender, Mailbox::parse("tim@example.org"));
        assert_eq!(full.size, Some(100));
        assert_eq!(full.submitter, Some(AuthParam::Mailbox(b"e=mc2@example.com".to_vec())));
        assert_eq!(mail("MAIL FROM:<> AUTH=<>").submitter, Some(AuthParam::Unknown));
    }

    #[test]
    fn what_is_refused() {
        for (line, reply) in [
            ("", "500 5.5.1"),
            ("EXPN list", "500 5.5.1"),
            ("EHLO", "501 5.5.4"),
            ("DATA now", "501 5.5.4"),
            ("STARTTLS x", "501 5.5.4"),
            ("MAIL <tim@example.org>", "501 5.5.2"),
            ("MAIL FROM:tim@example.org", "501 5.5.2"),
            ("MAIL FROM:<tim>", "501 5.1.7"),
            ("MAIL FROM:<>SIZE=3", "501 5.5.2"),
            ("MAIL FROM:<> SIZE=x", "501 5.5.4"),
            ("MAIL FROM:<> AUTH=a=b", "501 5.5.4"),
            ("MAIL FROM:<> AUTH=", "501 5.5.4"),
            ("MAIL FROM:<> SMTPUTF8", "555 5.5.4"),
            ("RCPT TO:<>", "501 5.1.3"),
            ("RCPT TO:<a@b> NOTIFY=NEVER", "555 5.5.4"),
            ("MAIL FROM:<j\u{fc}rgen@example.org>", "501 5.5.2"),
            ("RCPT TO:<a@b\u{0}>", "501 5.5.2"),
            (&format!("NOOP {}", "x".repeat(MAX_COMMAND)), "500 5.5.2"),
        ] {
            assert_eq!(code(line), reply, "{line}");
        }
    }
}
