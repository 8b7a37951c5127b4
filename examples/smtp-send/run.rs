//! From the connection to the last reply.

use crate::{
    cli,
    dialogue::{Capabilities, Dialogue, Stream},
    login::Account,
    settings::{Need, Settings, Tls, decide},
    submission::Submission,
    tls,
};
use sasl_core::{auth_options::Session, channel::Channel};
use sasl_io::tokio::Layered;
use smtp::{exit::Failure, report, wire::within};
use std::io::{Read, stdin};
use tokio::{io::BufReader, net::TcpStream, runtime};

/// The largest message that is read, in octets.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;

/// Runs the program.
pub(crate) fn main() -> Result<(), Failure> {
    let settings = decide(&cli::command().get_matches()).map_err(Failure::of_the_command_line)?;
    let text = read_message()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of("runtime", error))?;
    runtime.block_on(Delivery { settings: &settings, text: &text }.run())
}

fn read_message() -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = stdin().take(MAX_MESSAGE).read_to_end(&mut text);
    match read {
        Ok(_) if text.len() as u64 == MAX_MESSAGE => Err(Failure::new("standard input: more than a message")),
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::of("standard input", error)),
    }
}

/// One message, to one server.
struct Delivery<'a> {
    settings: &'a Settings,
    text: &'a [u8],
}

impl Delivery<'_> {
    async fn run(&self) -> Result<(), Failure> {
        let Settings { host, port, timeout, .. } = self.settings;
        let socket = within(*timeout, TcpStream::connect((host.as_str(), *port))).await;
        let socket = socket.map_err(|error| Failure::of(format_args!("{host}:{port}"), error))?;
        let address = socket.peer_addr().map_err(|error| Failure::of(host, error))?.ip().to_string();
        let account = self.account(&address)?;
        match self.settings.tls {
            Tls::AtOnce => self.talk_over_tls(socket, account, Greeting::Awaited).await,
            Tls::Upgrade | Tls::UpgradeIfOffered | Tls::Never => self.talk(socket, account).await,
        }
    }

    fn account(&self, address: &str) -> Result<Option<Account>, Failure> {
        match Account::of(self.settings, address)? {
            None if self.settings.auth == Need::Required => {
                Err(Failure::of(&self.settings.server_name, "no AuthInfo, no certificate, and a login is required"))
            }
            account => Ok(account),
        }
    }

    /// Begins TLS as soon as the server lets us.
    async fn talk(&self, socket: TcpStream, account: Option<Account>) -> Result<(), Failure> {
        let mut dialogue = Dialogue::new(BufReader::new(socket), self.settings);
        dialogue.greeting().await?;
        let capabilities = dialogue.ehlo(&self.settings.helo).await?;
        if capabilities.have("STARTTLS") && self.settings.tls != Tls::Never {
            dialogue.command("STARTTLS").await?.expect("STARTTLS", 220)?;
            // What came behind that reply goes with the buffer: somebody else may have sent it.
            return self.talk_over_tls(dialogue.stream.into_inner(), account, Greeting::Behind).await;
        }
        if self.settings.tls == Tls::Upgrade {
            return Err(Failure::new("the server does not offer STARTTLS, and TLS is required"));
        }
        self.finish(dialogue, account, &Channel::plain(), &capabilities).await
    }

    /// All that was said before does not count any more.
    async fn talk_over_tls(
        &self,
        socket: TcpStream,
        account: Option<Account>,
        greeting: Greeting,
    ) -> Result<(), Failure> {
        let (stream, channel) = tls::connect(socket, self.settings).await?;
        report::line(format_args!("TLS of {} bits", channel.strength()));
        let mut dialogue = Dialogue::new(BufReader::new(stream), self.settings);
        if greeting == Greeting::Awaited {
            dialogue.greeting().await?;
        }
        let capabilities = dialogue.ehlo(&self.settings.helo).await?;
        self.finish(dialogue, account, &channel, &capabilities).await
    }

    /// Logs in and sends.
    async fn finish<S: Stream>(
        &self,
        mut dialogue: Dialogue<S>,
        account: Option<Account>,
        channel: &Channel,
        capabilities: &Capabilities,
    ) -> Result<(), Failure> {
        let submission = Submission::new(self.text, self.settings);
        let established = match account {
            Some(account) => account.log_in(&mut dialogue.stream, channel, capabilities).await?,
            None => None,
        };
        let Some(established) = established else {
            return submission.send(&mut dialogue, capabilities, Session::Unauthenticated).await;
        };
        let Some(layer) = established.into_layer() else {
            return submission.send(&mut dialogue, capabilities, Session::Authenticated).await;
        };
        report::line(format_args!("a security layer of {} bits", layer.ssf()));
        let mut dialogue = Dialogue::new(Layered::new(dialogue.stream, layer), self.settings);
        let capabilities = dialogue.ehlo(&self.settings.helo).await?;
        submission.send(&mut dialogue, &capabilities, Session::Authenticated).await
    }
}

/// Whether the server has greeted us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Greeting {
    Awaited,
    Behind,
}
