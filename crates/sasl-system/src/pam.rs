//! PAM, as with `-a pam`.
#![expect(unsafe_code, reason = "it calls C")]

mod abi;
mod codes;
mod conversation;
mod responses;

use crate::{finding::Finding, library::Missing, process::Process};
use abi::{FAIL_DELAY, Functions, Handle, RHOST, SILENT};
use codes::{SUCCESS, of_acct_mgmt, of_authenticate};
use conversation::{Conversation, NOTE_DELAY};
use nix::libc::{c_int, c_void};
use std::{ffi::CStr, ptr::null_mut, time::Duration};

/// Checks by PAM. A module may fork, and come back in both: the copy ends before anybody hears of it.
pub struct Pam {
    functions: Functions,
    process: Process,
}

/// Who wants in, and where.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "it is what PAM takes")]
pub struct Attempt<'a> {
    /// The user.
    pub login: &'a CStr,
    /// The answer to every prompt that is not to be shown.
    pub password: &'a CStr,
    /// The name of a file in `/etc/pam.d`; one that is not there is `other`.
    pub service: &'a CStr,
    /// Where the client is, for modules that look at it: PAM_RHOST.
    pub client: Option<&'a CStr>,
}

/// What PAM says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is what PAM says")]
pub struct Answer {
    /// What was found.
    pub finding: Finding,
    /// How long its modules want a failure to take. Nobody has waited yet.
    pub delay: Duration,
}

impl Pam {
    /// Loads libpam.
    ///
    /// # Errors
    /// Where there is none.
    pub fn load() -> Result<Self, Missing> {
        Ok(Self { functions: Functions::load()?, process: Process::current() })
    }

    /// Authenticates, and looks at the account. It takes as long as the modules take, which may be for ever.
    #[must_use]
    pub fn check(&self, attempt: &Attempt<'_>) -> Answer {
        let conversation = Conversation::new(attempt.login, attempt.password, self.functions);
        let finding = self.ask(attempt, &conversation);
        let delay = if finding == Finding::Accepted { 0 } else { conversation.delay() };
        Answer { finding, delay: Duration::from_micros(delay.into()) }
    }

    fn ask(&self, attempt: &Attempt<'_>, conversation: &Conversation<'_>) -> Finding {
        let Some(mut transaction) = Transaction::start(self, attempt, conversation) else {
            return Finding::Unavailable;
        };
        if !transaction.prepare(attempt.client) {
            return Finding::Unavailable;
        }
        match of_authenticate(transaction.authenticate()) {
            Finding::Accepted => of_acct_mgmt(transaction.acct_mgmt()),
            finding => finding,
        }
    }
}

/// A handle of PAM's, of one attempt and no more: modules keep things with it.
struct Transaction<'a> {
    pam: &'a Pam,
    handle: *mut Handle,
    /// What the last function said, for the modules that clean up.
    last: c_int,
}

impl<'a> Transaction<'a> {
    fn start(pam: &'a Pam, attempt: &Attempt<'_>, conversation: &'a Conversation<'_>) -> Option<Self> {
        let (conv, mut handle) = (conversation.as_conv(), null_mut());
        let start = pam.functions.start;
        // SAFETY: both strings end in NUL; PAM copies them and the conversation. That one's data is borrowed for as
        // long as this transaction, which ends with `pam_end`.
        let last = unsafe { start(attempt.service.as_ptr(), attempt.login.as_ptr(), &raw const conv, &raw mut handle) };
        pam.process.end_if_copied();
        conversation.has_started(handle);
        (last == SUCCESS && !handle.is_null()).then_some(Self { pam, handle, last })
    }

    /// Where the client is, and that nobody is to sleep.
    fn prepare(&mut self, client: Option<&CStr>) -> bool {
        let delay = NOTE_DELAY as *const c_void;
        self.set(FAIL_DELAY, delay) && client.is_none_or(|client| self.set(RHOST, client.as_ptr().cast()))
    }

    fn set(&mut self, item: c_int, value: *const c_void) -> bool {
        // SAFETY: the handle is ours, and the value is what the item wants: a string, which PAM copies, or a function.
        self.last = unsafe { (self.pam.functions.set_item)(self.handle, item, value) };
        self.last == SUCCESS
    }

    /// PAM_DISALLOW_NULL_AUTHTOK is not set, as in the original: whether a user without a password may come in is what the
    /// service's file says.
    fn authenticate(&mut self) -> c_int {
        self.call(self.pam.functions.authenticate)
    }

    fn acct_mgmt(&mut self) -> c_int {
        self.call(self.pam.functions.acct_mgmt)
    }

    fn call(&mut self, function: unsafe extern "C" fn(*mut Handle, c_int) -> c_int) -> c_int {
        // SAFETY: the handle is ours, and its conversation lives. What modules do is the administrator's choice.
        self.last = unsafe { function(self.handle, SILENT) };
        self.pam.process.end_if_copied();
        self.last
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and not used again.
        unsafe { (self.pam.functions.end)(self.handle, self.last) };
        self.pam.process.end_if_copied();
    }
}
