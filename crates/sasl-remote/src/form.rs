//! httpform: a password is right if a web server says so of a form that it was sent.

pub(crate) mod reply;
mod settings;
mod template;

pub use settings::KEYS;

use crate::{
    attempt::{Answer, Attempt},
    conf::{Conf, ConfError},
    deadline::Deadline,
    tls::{Duplex, connect, resolve},
};
use reply::{NoReply, Status, read_status};
use settings::Settings;
use std::{fmt, io};
use tokio::{io::AsyncWriteExt, time::timeout};
use zeroize::Zeroizing;

/// The form.
pub struct Form(Settings);

impl Form {
    /// Takes the keys that begin with `httpform_`.
    ///
    /// # Errors
    /// The key that is missing or no good, with its line. Whether the host can be found is not looked at.
    pub fn new(conf: &Conf) -> Result<Self, ConfError> {
        Settings::read(conf).map(Self)
    }

    /// A sentence for the log where the host's name cannot be found now. It may be later.
    pub async fn unresolved(&self) -> Option<String> {
        let found = resolve(&self.0.address, Deadline::after(self.0.limit)).await;
        found.err().map(|error| format!("httpform: {}: {error}", self.0.address))
    }

    /// Sends the form, and takes 200 and 204 for yes, 401 and 403 for no.
    pub async fn check(&self, attempt: &Attempt) -> Answer {
        if !self.0.template.can_hold(attempt) {
            return Answer::refused("not UTF-8, which JSON cannot carry");
        }
        let mut answer = match timeout(self.0.limit, self.post(attempt)).await {
            Ok(Ok(status)) => judge(&status, attempt),
            Ok(Err(reason)) => Answer::unavailable(reason),
            Err(_) => Answer::unavailable("timed out"),
        };
        answer.reason = format!("{}: {}", self.0.address, answer.reason).into();
        answer
    }

    async fn post(&self, attempt: &Attempt) -> Result<Status, String> {
        let mut stream = self.connect().await.map_err(|error| error.to_string())?;
        let sent = stream.write_all(&self.request(attempt)).await;
        sent.and(stream.flush().await).map_err(|error| error.to_string())?;
        read_status(&mut stream).await.map_err(|reason| match &reason {
            NoReply::Foreign(line) => format!("{reason}: {}", attempt.show(line)),
            NoReply::Short(_) => reason.to_string(),
        })
    }

    async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let Settings { address, tls, limit, .. } = &self.0;
        let deadline = Deadline::after(*limit);
        let stream = connect(address, deadline).await?;
        match tls {
            Some(tls) => Ok(Box::new(tls.wrap(stream, address, deadline).await?)),
            None => Ok(Box::new(stream)),
        }
    }

    /// All that is sent: the header lines, their order and their values are the original's.
    fn request(&self, attempt: &Attempt) -> Zeroizing<Vec<u8>> {
        let Settings { address, target, template, .. } = &self.0;
        let body = template.fill(attempt);
        let head = format!(
            "POST {target} HTTP/1.1\r\n\
             Host: {}\r\n\
             Connection: close\r\n\
             User-Agent: saslauthd\r\n\
             Accept: */*\r\n\
             Content-Type: {}\r\n\
             Content-Length: {}\r\n\
             \r\n",
            address.authority(),
            template.content_type(),
            body.len()
        );
        let mut request = Zeroizing::new(Vec::with_capacity(head.len() + body.len()));
        request.extend(head.as_bytes());
        request.extend(&*body);
        request
    }
}

/// Not the data, which may hold a password.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({}{})", self.0.address.authority(), self.0.target)
    }
}

fn judge(status: &Status, attempt: &Attempt) -> Answer {
    let said = format!("{} {}", status.code, attempt.show(&status.reason));
    match status.code {
        200 | 204 => Answer::accepted(said),
        401 | 403 => Answer::refused(said),
        _ => Answer::unavailable(format!("unexpected reply: {said}")),
    }
}

#[cfg(test)]
mod tests;
