//! PAM, the shadow file and the passwd file, in processes of their own.

use crate::{
    helper::{answer::Answer as Found, backend::Kind},
    helper_pool::HelperPool,
    metrics::Page,
    peer::Client,
};
use sasl_remote::attempt::{Answer, Attempt};
use sasl_system::finding::Finding;
use sasl_wire::saslauthd::Request;
use std::time::Duration;
use tokio::time::sleep;

/// What this host knows of its users.
#[derive(Debug)]
pub struct Host {
    helpers: HelperPool,
    kind: Kind,
}

/// The longest that PAM can make somebody wait.
const LONGEST_DELAY: Duration = Duration::from_secs(15);

impl Host {
    /// Asks these helpers.
    #[must_use]
    pub fn new(helpers: HelperPool) -> Self {
        Self { kind: helpers.kind(), helpers }
    }

    /// As a command line has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// What is to be done once a second.
    pub fn tick(&self) {
        self.helpers.tick();
    }

    /// How many descriptors it may take.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.helpers.descriptors()
    }

    /// Puts on a page what its helpers do.
    pub fn measure(&self, page: &mut Page) {
        self.helpers.measure(page, self.name());
    }

    /// Checks a password. Where PAM wants a failure to take its time, that is taken here, and no helper waits.
    pub async fn check(&self, attempt: &Attempt, client: &Client) -> Answer {
        let Attempt { login, password, service, realm } = attempt;
        let address = client.address.as_deref();
        let request = Request { login, password: password.expose(), service, realm, client: address };
        match self.helpers.ask(&request, Some(&client.stream)).await {
            Ok(Found { finding, delay }) => {
                // A sleep takes a millisecond at least.
                if !delay.is_zero() {
                    sleep(delay.min(LONGEST_DELAY)).await;
                }
                answer(finding)
            }
            Err(trouble) => Answer::unavailable(trouble.text()),
        }
    }
}

fn answer(finding: Finding) -> Answer {
    match finding {
        Finding::Accepted => Answer::accepted("password"),
        Finding::Wrong => Answer::refused("wrong password"),
        Finding::NoPassword => Answer::refused("no usable password: locked, or none set"),
        Finding::Unknown => Answer::unknown("unknown user"),
        Finding::PasswordExpired => Answer::refused("password expired"),
        Finding::Account => Answer::refused("account expired, or not allowed"),
        Finding::Unavailable => Answer::unavailable("cannot be asked"),
    }
}
