//! Our side of what a module asks: the password, where it is asked for, and nothing else.
#![expect(unsafe_code, reason = "C calls it")]

use super::{
    abi::{
        Conv, ERROR_MSG, FailDelay, Functions, Handle, Message, PROMPT_ECHO_OFF, PROMPT_ECHO_ON, Response, TEXT_INFO,
        USER_PROMPT,
    },
    codes::{BUF_ERR, CONV_ERR, SUCCESS},
    responses::Responses,
};
use nix::libc::{c_char, c_int, c_uint, c_void};
use std::{
    cell::Cell,
    ffi::CStr,
    ptr::{null, null_mut},
    slice,
};

/// What is known while a password is checked. PAM has its address, so that it must not move.
pub(super) struct Conversation<'a> {
    login: &'a CStr,
    password: &'a CStr,
    functions: Functions,
    /// Null until PAM has started.
    handle: Cell<*mut Handle>,
}

thread_local! {
    /// How long PAM would have slept after this thread's last failure, in microseconds. What PAM hands on with it is a module's
    /// where one has put a conversation of its own in the place of ours.
    static DELAY: Cell<u32> = const { Cell::new(0) };
}

/// PAM_MAX_NUM_MSG: no module may ask more at once.
const MOST_MESSAGES: usize = 32;

/// PAM calls this in place of sleeping.
pub(super) const NOTE_DELAY: FailDelay = note_delay;

/// What a message is answered with.
enum Answer<'a> {
    Text(&'a CStr),
    Nothing,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(login: &'a CStr, password: &'a CStr, functions: Functions) -> Self {
        DELAY.set(0);
        Self { login, password, functions, handle: Cell::new(null_mut()) }
    }

    /// For `pam_start`.
    pub(super) fn as_conv(&self) -> Conv {
        Conv { converse, data: (&raw const *self).cast_mut().cast() }
    }

    /// Where the user prompt is to be found.
    pub(super) fn has_started(&self, handle: *mut Handle) {
        self.handle.set(handle);
    }

    /// How long PAM would have slept after a failure, in microseconds.
    #[expect(clippy::unused_self, reason = "it is this attempt's")]
    pub(super) fn delay(&self) -> u32 {
        DELAY.get()
    }

    /// As in the original; `None` for a message that it does not know.
    fn answer(&self, style: c_int, text: Option<&CStr>) -> Option<Answer<'_>> {
        match style {
            PROMPT_ECHO_OFF => Some(Answer::Text(self.password)),
            PROMPT_ECHO_ON if text.is_some() && text == self.user_prompt() => Some(Answer::Text(self.login)),
            PROMPT_ECHO_ON | ERROR_MSG | TEXT_INFO => Some(Answer::Nothing),
            _ => None,
        }
    }

    fn user_prompt(&self) -> Option<&CStr> {
        let (handle, mut prompt) = (self.handle.get(), null::<c_void>());
        if handle.is_null() {
            return None;
        }
        // SAFETY: the handle is PAM's, which is inside one of its functions and has called us.
        let code = unsafe { (self.functions.get_item)(handle, USER_PROMPT, &raw mut prompt) };
        // SAFETY: the item is null or a string that ends in NUL, and stays until it is set anew, which nobody does
        // before we return.
        (code == SUCCESS && !prompt.is_null()).then(|| unsafe { CStr::from_ptr(prompt.cast::<c_char>()) })
    }

    /// The answers to all, or what PAM is told in place of them.
    ///
    /// # Safety
    /// Each message points to one whose text is null or ends in NUL.
    unsafe fn answers(&self, messages: &[*const Message]) -> Result<Responses, c_int> {
        let mut responses = Responses::new(messages.len()).ok_or(BUF_ERR)?;
        for (index, message) in messages.iter().enumerate() {
            // SAFETY: the caller vouches for what is not null.
            let message = unsafe { message.as_ref() }.ok_or(CONV_ERR)?;
            // SAFETY: here too.
            let text = (!message.text.is_null()).then(|| unsafe { CStr::from_ptr(message.text) });
            match self.answer(message.style, text).ok_or(CONV_ERR)? {
                Answer::Text(text) => responses.set(index, text).ok_or(BUF_ERR)?,
                Answer::Nothing => {}
            }
        }
        Ok(responses)
    }
}

/// PAM's conversation function, see pam_conv(3). A panic ends the process, as in every function that C calls.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    if !(1..=MOST_MESSAGES).contains(&count) || messages.is_null() || responses.is_null() || data.is_null() {
        return CONV_ERR;
    }
    // SAFETY: the data is what `as_conv` gave, which lives until `pam_end` and is only ever shared.
    let conversation = unsafe { &*data.cast_const().cast::<Conversation<'_>>() };
    // SAFETY: PAM passes on what a module says: so many pointers, each to a message as in pam_conv(3).
    match unsafe { conversation.answers(slice::from_raw_parts(messages, count)) } {
        Ok(answers) => {
            // SAFETY: it is where PAM wants them.
            unsafe { *responses = answers.into_raw() };
            SUCCESS
        }
        Err(code) => code,
    }
}

/// Called after every `pam_authenticate`, with what came of it. A success does not wait.
unsafe extern "C" fn note_delay(code: c_int, microseconds: c_uint, _data: *mut c_void) {
    if code != SUCCESS {
        DELAY.set(microseconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_conversation(test: impl FnOnce(&Conversation<'_>)) {
        test(&Conversation::new(c"tim", c"pencil", Functions::load().unwrap()));
    }

    /// What PAM does, and what it would see: the answers, or the code.
    fn asked(
        conversation: &Conversation<'_>,
        messages: &[(c_int, Option<&CStr>)],
    ) -> Result<Vec<Option<String>>, c_int> {
        let text = |text: Option<&CStr>| text.map_or(null(), CStr::as_ptr);
        let messages: Vec<_> = messages.iter().map(|(style, of)| Message { style: *style, text: text(*of) }).collect();
        let mut pointers: Vec<*const Message> = messages.iter().map(|message| &raw const *message).collect();
        let (conv, mut responses) = (conversation.as_conv(), null_mut());
        let count = c_int::try_from(pointers.len()).unwrap();
        // SAFETY: as pam_conv(3) has it.
        let code = unsafe { (conv.converse)(count, pointers.as_mut_ptr(), &raw mut responses, conv.data) };
        if code != SUCCESS {
            assert!(responses.is_null());
            return Err(code);
        }
        let read = |index| {
            // SAFETY: there are as many answers as messages. They are left to leak.
            let text = unsafe { responses.add(index).read() }.text;
            // SAFETY: each is null or a string.
            (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
        };
        Ok((0..messages.len()).map(read).collect())
    }

    #[test]
    fn what_is_not_shown_is_the_password_and_the_rest_is_nothing() {
        with_conversation(|conversation| {
            let said = asked(
                conversation,
                &[
                    (TEXT_INFO, Some(c"Welcome")),
                    (PROMPT_ECHO_OFF, Some(c"Password: ")),
                    (ERROR_MSG, None),
                    (PROMPT_ECHO_ON, Some(c"Colour: ")),
                    (PROMPT_ECHO_ON, None),
                    (PROMPT_ECHO_OFF, None),
                ],
            );
            let password = Some("pencil".to_owned());
            assert_eq!(said, Ok(vec![None, password.clone(), None, None, None, password]));
        });
    }

    #[test]
    fn a_message_of_another_style_ends_the_conversation() {
        with_conversation(|conversation| {
            for style in [0, 5, 7, -1, c_int::MAX] {
                assert_eq!(asked(conversation, &[(PROMPT_ECHO_OFF, None), (style, None)]), Err(CONV_ERR), "{style}");
            }
        });
    }

    #[test]
    fn no_message_and_too_many_end_it_too() {
        with_conversation(|conversation| {
            assert_eq!(asked(conversation, &[]), Err(CONV_ERR));
            assert!(asked(conversation, &[(PROMPT_ECHO_OFF, None); 32]).is_ok());
            assert_eq!(asked(conversation, &[(PROMPT_ECHO_OFF, None); 33]), Err(CONV_ERR));
        });
    }

    #[test]
    fn the_delay_of_a_failure_is_kept_and_that_of_a_success_is_not() {
        with_conversation(|conversation| {
            let data = conversation.as_conv().data;
            // SAFETY: as pam_fail_delay(3) has it.
            unsafe { NOTE_DELAY(SUCCESS, 5, data) };
            assert_eq!(conversation.delay(), 0);
            // SAFETY: here too.
            unsafe { NOTE_DELAY(7, 2_000_000, data) };
            assert_eq!(conversation.delay(), 2_000_000);
        });
    }
}
