//! libpam as C sees it: the part that is used here, from pam_start(3) and its neighbours. The numbers are Linux-PAM's.
#![expect(unsafe_code, reason = "it says what C's functions look like")]

use crate::library::{Library, Missing};
use nix::libc::{c_char, c_int, c_uint, c_void};

/// `pam_handle_t`, of which only pointers are seen.
#[repr(C)]
pub(super) struct Handle {
    _nobody_looks_inside: [u8; 0],
}

/// `struct pam_message`.
#[repr(C)]
pub(super) struct Message {
    pub(super) style: c_int,
    pub(super) text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
pub(super) struct Response {
    /// From malloc, or null. Whoever gets it frees it.
    pub(super) text: *mut c_char,
    /// Always 0.
    pub(super) unused: c_int,
}

pub(super) type Converse = unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

/// `struct pam_conv`.
#[repr(C)]
pub(super) struct Conv {
    pub(super) converse: Converse,
    pub(super) data: *mut c_void,
}

/// What PAM_FAIL_DELAY is: what came of it, microseconds, and the data of the conversation.
pub(super) type FailDelay = unsafe extern "C" fn(c_int, c_uint, *mut c_void);

pub(super) const PROMPT_ECHO_OFF: c_int = 1;
pub(super) const PROMPT_ECHO_ON: c_int = 2;
pub(super) const ERROR_MSG: c_int = 3;
pub(super) const TEXT_INFO: c_int = 4;

pub(super) const RHOST: c_int = 4;
pub(super) const USER_PROMPT: c_int = 9;
pub(super) const FAIL_DELAY: c_int = 10;

pub(super) const SILENT: c_int = 0x8000;

type Start = unsafe extern "C" fn(*const c_char, *const c_char, *const Conv, *mut *mut Handle) -> c_int;
type WithFlags = unsafe extern "C" fn(*mut Handle, c_int) -> c_int;
type SetItem = unsafe extern "C" fn(*mut Handle, c_int, *const c_void) -> c_int;
type GetItem = unsafe extern "C" fn(*const Handle, c_int, *mut *const c_void) -> c_int;

/// The functions of libpam.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub(super) start: Start,
    pub(super) end: WithFlags,
    pub(super) set_item: SetItem,
    pub(super) get_item: GetItem,
    pub(super) authenticate: WithFlags,
    pub(super) acct_mgmt: WithFlags,
}

impl Functions {
    pub(super) fn load() -> Result<Self, Missing> {
        let library = Library::load(&["libpam.so.0"])?;
        // SAFETY: the types are those of the manual pages, and the version in the library's name is theirs.
        unsafe {
            Ok(Self {
                start: library.function("pam_start")?,
                end: library.function("pam_end")?,
                set_item: library.function("pam_set_item")?,
                get_item: library.function("pam_get_item")?,
                authenticate: library.function("pam_authenticate")?,
                acct_mgmt: library.function("pam_acct_mgmt")?,
            })
        }
    }
}
