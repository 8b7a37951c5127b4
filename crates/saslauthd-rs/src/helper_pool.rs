//! The processes that check passwords with what we would not have in our own: PAM and its modules, the shadow file,
//! crypt(3). There is a bounded number of them, and each has one request at a time. One that hangs, ends or answers nonsense
//! costs that request alone, and another takes its place.

mod counts;
mod process;

use crate::{
    errands::Errands,
    helper::{
        answer::{Answer, NUMBER},
        backend::Kind,
    },
    metrics::Page,
    turns::{Turn, Turns},
};
use counts::{Counts, End};
pub use process::Trouble;
use process::{Process, Stopped, patience};
use sasl_core::random;
use sasl_wire::saslauthd::{Request, encode_request};
use std::{
    cell::{Cell, RefCell},
    os::unix::net::UnixStream,
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// So many may wait for each that may work.
const WAITING_FOR_EACH: usize = 8;

/// How many processes a pool may have of which so many work at once: those, the ones that wait, and the ones that are idle.
#[must_use]
pub const fn most_processes(at_once: usize) -> usize {
    (2 + WAITING_FOR_EACH) * at_once
}

/// Helpers of one kind.
#[derive(Debug)]
pub struct HelperPool {
    kind: Kind,
    most: usize,
    errands: Rc<Errands>,
    /// How long one may take for a request.
    deadline: Duration,
    /// For those that work.
    working: Rc<Turns>,
    /// For those that are seen to wait.
    waiting: Rc<Turns>,
    idle: RefCell<Vec<Process>>,
    /// The number of the next request.
    next: Cell<u32>,
    counts: Counts,
}

impl HelperPool {
    /// Helpers that are started as they are needed, by whom `errands` are run; at most `most` that work at once, and some more that
    /// wait. One that takes longer than `deadline` for a request is killed.
    #[must_use]
    pub fn new(kind: Kind, most: usize, deadline: Duration, errands: Rc<Errands>) -> Self {
        let (working, waiting) = (Turns::new(most), Turns::new(most * WAITING_FOR_EACH));
        let (idle, next, counts) = (RefCell::default(), first_number(), Counts::default());
        Self { kind, most, errands, deadline, working, waiting, idle, next, counts }
    }

    /// What they check by.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Asks one of them. Whoever asks for a `client` waits in the line of that one's user.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask(&self, request: &Request<'_>, client: Option<&Arc<UnixStream>>) -> Result<Answer, Trouble> {
        let turn = self.working.take(client).await.map_err(Trouble::NoTurn)?;
        let request = encoded(self.next.replace(self.next.get().wrapping_add(1)), request);
        let mut exchange = pin!(timeout(self.deadline, self.exchange(&request)));
        let answer = match timeout(patience(self.kind), &mut exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                let _waiting = self.make_room(turn);
                exchange.await
            }
        };
        answer.unwrap_or(Err(Trouble::Late)).inspect_err(|trouble| self.count(*trouble))
    }

    fn count(&self, trouble: Trouble) {
        match trouble {
            Trouble::NoTurn(_) => {}
            Trouble::NoHelper => self.counts.not_started(),
            Trouble::Ended => self.counts.ended(End::Ended),
            Trouble::Late => self.counts.ended(End::Late),
            Trouble::Nonsense => self.counts.ended(End::Nonsense),
        }
    }

    /// A helper that waits leaves its turn to another, unless too many wait.
    fn make_room(&self, working: Turn) -> Turn {
        self.waiting.try_take().unwrap_or(working)
    }

    /// A process that had retired read nothing of the request: it is for the next one. A new one has no reason to.
    async fn exchange(&self, request: &[u8]) -> Result<Answer, Trouble> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let is_new = idle.is_none();
            let mut process = match idle {
                Some(process) => process,
                None => self.start().await?,
            };
            match process.exchange(request).await {
                Ok(answer) => {
                    self.keep(process);
                    return Ok(answer);
                }
                Err(Stopped::Retired) if is_new => return Err(Trouble::Ended),
                Err(Stopped::Retired) => self.counts.ended(End::Retired),
                Err(Stopped::Trouble(trouble)) => return Err(trouble),
            }
        }
    }

    async fn start(&self) -> Result<Process, Trouble> {
        let process = Process::start(self.kind, &self.errands).await?;
        self.counts.started();
        Ok(process)
    }

    /// Puts on a page how many processes there are, and were; and who waits for one, under the name of a back end.
    pub fn measure(&self, page: &mut Page, backend: &str) {
        self.working.measure(page, backend);
        let busy = self.working.taken() + self.waiting.taken();
        self.counts.measure(page, self.kind, [self.idle.borrow().len(), busy]);
    }

    /// How many descriptors all of it takes: two for each process.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        2 * most_processes(self.most)
    }

    /// What is to be done once a second: those that have retired are waited for.
    pub fn tick(&self) {
        self.idle.borrow_mut().retain_mut(|process| {
            let ended = process.has_ended();
            if ended {
                self.counts.ended(End::Retired);
            }
            !ended
        });
    }

    fn keep(&self, mut process: Process) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.most {
            process.make_ready();
            idle.push(process);
        } else {
            self.counts.ended(End::LetGo);
        }
    }
}

/// Any will do, as long as a module does not happen to write it.
fn first_number() -> Cell<u32> {
    Cell::new(random::bytes().map_or(0x5a5a_5a5a, u32::from_ne_bytes))
}

/// The number and all five fields, in a buffer of its final size, so that no copy of the password stays behind.
fn encoded(number: u32, request: &Request<'_>) -> Zeroizing<Vec<u8>> {
    let client = request.client.unwrap_or_default();
    let fields = [request.login, request.password, request.service, request.realm, client];
    let length = NUMBER + fields.iter().map(|field| 2 + field.len()).sum::<usize>();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    bytes.extend(number.to_ne_bytes());
    encode_request(&Request { client: Some(client), ..*request }, &mut bytes);
    bytes
}
