//! What is handed to a module in answer to its messages: memory of C's, which the module frees.
#![expect(unsafe_code, reason = "C frees it")]

use super::abi::Response;
use nix::libc::{calloc, explicit_bzero, free, strdup, strlen};
use std::ffi::CStr;

/// An array of answers, all empty at first. Wiped and freed unless it is handed over.
pub(super) struct Responses {
    array: *mut Response,
    count: usize,
}

impl Responses {
    /// `None` where there is no memory.
    pub(super) fn new(count: usize) -> Option<Self> {
        // SAFETY: whatever is asked for, calloc gives that much or nothing; zeroes are empty answers.
        let array = unsafe { calloc(count, size_of::<Response>()) }.cast::<Response>();
        (!array.is_null()).then_some(Self { array, count })
    }

    /// Puts a copy of `text` into an answer that is still empty; `None` where there is no memory.
    pub(super) fn set(&mut self, index: usize, text: &CStr) -> Option<()> {
        assert!(index < self.count, "as many as were asked for");
        // SAFETY: the text ends in NUL, and strdup copies it into memory of malloc's.
        let copy = unsafe { strdup(text.as_ptr()) };
        // SAFETY: the array is ours, and larger than the index.
        unsafe { (*self.array.add(index)).text = copy };
        (!copy.is_null()).then_some(())
    }

    /// Gives the array to C, which frees it and its answers.
    pub(super) fn into_raw(self) -> *mut Response {
        let array = self.array;
        std::mem::forget(self);
        array
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        for index in 0..self.count {
            // SAFETY: the array is ours, each answer is null or a string of strdup's, and nobody sees either again.
            unsafe {
                let text = (*self.array.add(index)).text;
                if !text.is_null() {
                    explicit_bzero(text.cast(), strlen(text));
                    free(text.cast());
                }
            }
        }
        // SAFETY: it came from calloc, and is not used again.
        unsafe { free(self.array.cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_copies_and_the_others_are_null() {
        let mut responses = Responses::new(3).unwrap();
        responses.set(1, c"pencil").unwrap();
        let array = responses.into_raw();
        // SAFETY: three answers, of which one is a string.
        let ours = unsafe {
            let [first, second, third] = [0, 1, 2].map(|index| array.add(index).read());
            assert!(first.text.is_null() && third.text.is_null());
            assert_eq!([first.unused, second.unused, third.unused], [0; 3]);
            assert_eq!(CStr::from_ptr(second.text), c"pencil");
            Responses { array, count: 3 }
        };
        drop(ours);
    }
}
