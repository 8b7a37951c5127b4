//! What becomes of a message: a file, or a line in the log. Nothing goes to the network.

use crate::{mailbox::Mailbox, session::Envelope, site::Route};
use sasl_core::{escape::Escaped, identity::Identity};
use std::{
    fmt::{self, Write},
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt,
};

/// Where messages go.
#[derive(Debug)]
pub(crate) struct Delivery {
    directory: Option<PathBuf>,
    count: AtomicU64,
}

/// Who sent what to whom, in one line.
pub(crate) struct Summary<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) identity: Option<&'a Identity>,
}

impl Delivery {
    /// A directory that is not there is made.
    pub(crate) fn new(directory: Option<PathBuf>) -> io::Result<Self> {
        let made = directory.iter().try_for_each(|path| DirBuilder::new().recursive(true).mode(0o700).create(path));
        made.map(|()| Self { directory, count: AtomicU64::new(0) })
    }

    /// Keeps a message. Once this returns, it is on the disk, or there is nowhere to keep it.
    pub(crate) async fn keep(&self, summary: &Summary<'_>, message: &[u8]) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let name = self.name();
        let (unfinished, path) = (directory.join(format!(".{name}")), directory.join(name));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished).await?;
        file.write_all(summary.headers().as_bytes()).await?;
        file.write_all(message).await?;
        file.sync_all().await?;
        fs::rename(&unfinished, &path).await
    }

    /// As in a maildir: when, who, and how many before it.
    fn name(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{}.{}_{count}.eml", now.as_secs(), process::id())
    }
}

impl Summary<'_> {
    /// What precedes the message in its file.
    fn headers(&self) -> String {
        let sender = self.envelope.sender.as_ref().map(Mailbox::to_string).unwrap_or_default();
        let mut headers = format!("Return-Path: <{sender}>\r\n");
        if let Some(identity) = self.identity {
            let _ = write!(headers, "X-Authenticated: {} by {}\r\n", identity.acts_as(), identity.mechanism());
            let _ = write!(headers, "X-Submitter: {}\r\n", self.envelope.submitter);
        }
        for (recipient, route) in &self.envelope.recipients {
            let name = if *route == Route::Local { "Delivered-To" } else { "X-Relay-To" };
            let _ = write!(headers, "{name}: {recipient}\r\n");
        }
        headers
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sender = self.envelope.sender.as_ref().map(Mailbox::to_string).unwrap_or_default();
        write!(f, "from=<{}>", Escaped(sender.as_bytes()))?;
        for (recipient, route) in &self.envelope.recipients {
            let name = if *route == Route::Local { "to" } else { "relay" };
            write!(f, " {name}=<{}>", Escaped(recipient.to_string().as_bytes()))?;
        }
        match self.identity {
            Some(identity) => write!(f, " login=[{}] auth={}", identity.acts_as(), self.envelope.submitter),
            None => Ok(()),
        }
    }
}
