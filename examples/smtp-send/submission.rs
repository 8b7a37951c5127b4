//! A message, handed over.

use crate::{
    dialogue::{Capabilities, Dialogue, Stream},
    message,
    settings::Settings,
};
use sasl_core::{
    auth_options::{AuthOptions, Session},
    auth_param::AuthParam,
};
use smtp::{exit::Failure, report};

/// What is sent, from whom, to whom.
pub(crate) struct Submission<'a> {
    text: &'a [u8],
    sender: &'a str,
    recipients: &'a [String],
    options: AuthOptions,
}

impl<'a> Submission<'a> {
    pub(crate) fn new(text: &'a [u8], settings: &'a Settings) -> Self {
        let Settings { sender, recipients, options, .. } = settings;
        Self { text, sender, recipients, options: *options }
    }

    /// Sends it to every recipient that the server takes, and fails if that was not all of them.
    pub(crate) async fn send<S: Stream>(
        &self,
        dialogue: &mut Dialogue<S>,
        capabilities: &Capabilities,
        session: Session,
    ) -> Result<(), Failure> {
        let mail = self.mail(capabilities, session);
        dialogue.command(&mail).await?.expect("MAIL", 250)?;
        let refused = self.name_recipients(dialogue).await?;
        if refused < self.recipients.len() {
            dialogue.command("DATA").await?.expect("DATA", 354)?;
            let reply = dialogue.send(&message::prepare(self.text)).await?.expect("the message", 250)?;
            report::line(format_args!("sent: {reply}"));
        }
        // It is the server's now, whether or not it says goodbye.
        let _ = dialogue.command("QUIT").await;
        match refused {
            0 => Ok(()),
            refused => Err(Failure::new(format!("refused for {refused} of {} recipients", self.recipients.len()))),
        }
    }

    fn mail(&self, capabilities: &Capabilities, session: Session) -> String {
        let mut command = format!("MAIL FROM:<{}>", self.sender);
        if capabilities.have("8BITMIME") && message::is_eight_bit(self.text) {
            command.push_str(" BODY=8BITMIME");
        }
        if capabilities.have("AUTH") && self.options.sends_auth_param(session) && !self.sender.is_empty() {
            let submitter = AuthParam::Mailbox(self.sender.as_bytes().to_vec());
            command.push_str(&format!(" AUTH={submitter}"));
        }
        command
    }

    /// How many were refused.
    async fn name_recipients<S: Stream>(&self, dialogue: &mut Dialogue<S>) -> Result<usize, Failure> {
        let mut refused = 0;
        for recipient in self.recipients {
            let reply = dialogue.command(&format!("RCPT TO:<{recipient}>")).await?;
            if !reply.is_positive() {
                refused += 1;
                report::line(format_args!("{recipient}: {reply}"));
            }
        }
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str, options: &str, keywords: &[&str], session: Session) -> String {
        let options = options.parse().unwrap();
        let submission = Submission { text: text.as_bytes(), sender: "e=mc2@example.com", recipients: &[], options };
        submission.mail(&Capabilities::from(keywords), session)
    }

    #[test]
    fn auth_goes_with_mail_where_the_server_has_it_and_the_letters_say_so() {
        use Session::{Authenticated, Unauthenticated};
        let (bare, full) = ("MAIL FROM:<e=mc2@example.com>", "MAIL FROM:<e=mc2@example.com> AUTH=e+3Dmc2@example.com");
        for (letters, keywords, session, command) in [
            ("A", &["AUTH PLAIN"][..], Authenticated, full),
            ("A", &["AUTH PLAIN"], Unauthenticated, bare),
            ("p", &["AUTH PLAIN"], Unauthenticated, full),
            ("p", &["SIZE 100"], Unauthenticated, bare),
        ] {
            assert_eq!(mail("text", letters, keywords, session), command);
        }
    }

    #[test]
    fn eight_bits_are_announced_to_those_who_know_them() {
        let command = |keywords: &[&str]| mail("j\u{fc}rgen", "A", keywords, Session::Unauthenticated);
        assert!(command(&["8BITMIME"]).ends_with("> BODY=8BITMIME"));
        assert!(command(&[]).ends_with('>'));
    }
}
