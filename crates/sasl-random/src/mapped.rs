//! The function that the kernel maps into the process (`Documentation/` of Linux calls it vgetrandom).
#![expect(unsafe_code, reason = "what the kernel maps is C")]

use libc::{MAP_FAILED, c_int, c_uint, c_void, mmap, munmap, size_t, ssize_t};
use libloading::os::unix::{Library, RTLD_NOW};
use std::{
    mem::ManuallyDrop,
    ptr::{NonNull, null_mut},
    sync::OnceLock,
};

/// `vgetrandom(buffer, length, flags, state, length of the state)`: how many octets there are, or an error's number, negative.
type Function = unsafe extern "C" fn(*mut c_void, size_t, c_uint, *mut c_void, size_t) -> ssize_t;

/// The kernel's own library, and on its architectures the function's names.
const LIBRARY: &str = "linux-vdso.so.1";
const NAMES: [&str; 2] = ["__vdso_getrandom", "__kernel_getrandom"];

/// As the length of a state it asks for [`Parameters`].
const ASK: size_t = size_t::MAX;

/// How the function wants its memory, `struct vgetrandom_opaque_params`.
#[repr(C)]
struct Parameters {
    size: u32,
    protection: u32,
    flags: u32,
    reserved: [u32; 13],
}

struct Mapped {
    function: Function,
    parameters: Parameters,
}

/// A thread's memory: a page that a forked process finds empty, and from which the function begins anew.
struct State {
    mapped: &'static Mapped,
    page: NonNull<c_void>,
}

static MAPPED: OnceLock<Option<Mapped>> = OnceLock::new();

thread_local! {
    static STATE: Option<State> = Mapped::get().and_then(State::new);
}

/// Whether it has filled `octets`. A thread that ends may have none any more.
pub(crate) fn fill(octets: &mut [u8]) -> bool {
    STATE.try_with(|state| state.as_ref().is_some_and(|state| state.fill(octets))).unwrap_or(false)
}

impl Mapped {
    /// Two threads may look for it at once, but none waits for another: a process that is forked meanwhile would wait for ever.
    fn get() -> Option<&'static Self> {
        if MAPPED.get().is_none() {
            let _ = MAPPED.set(Self::find());
        }
        MAPPED.get()?.as_ref()
    }

    /// None where the kernel has none, or the C library does not know the kernel's library by name.
    fn find() -> Option<Self> {
        // SAFETY: nothing is loaded that is not there, so that nothing is run.
        let library = unsafe { Library::open(Some(LIBRARY), RTLD_NOW | libc::RTLD_NOLOAD) }.ok()?;
        // The kernel never unmaps it.
        let library = ManuallyDrop::new(library);
        // SAFETY: the type is written down from the kernel's description.
        let function = NAMES.iter().find_map(|name| unsafe { library.get::<Function>(*name) }.ok().map(|it| *it))?;
        let mut parameters = Parameters { size: 0, protection: 0, flags: 0, reserved: [0; 13] };
        // SAFETY: this is how it is asked for them: nothing is filled, and the state is what they are written to.
        let answer = unsafe { function(null_mut(), 0, 0, (&raw mut parameters).cast(), ASK) };
        (answer == 0).then_some(Self { function, parameters })
    }
}

impl State {
    fn new(mapped: &'static Mapped) -> Option<Self> {
        let Parameters { size, protection, flags, .. } = mapped.parameters;
        let (protection, flags) = (c_int::try_from(protection).ok()?, c_int::try_from(flags).ok()?);
        // SAFETY: it is new memory at a place of the kernel's choice. It begins with a page, so that the state is within one.
        let page = unsafe { mmap(null_mut(), size_t::try_from(size).ok()?, protection, flags, -1, 0) };
        if page == MAP_FAILED { None } else { NonNull::new(page).map(|page| Self { mapped, page }) }
    }

    fn fill(&self, octets: &mut [u8]) -> bool {
        let Mapped { function, parameters } = self.mapped;
        // SAFETY: the buffer is as long as is said, and the state is memory as the function wants it, this thread's alone. Where
        // a signal's handler comes in between, the function notices, and makes the system call.
        let length = unsafe {
            function(octets.as_mut_ptr().cast(), octets.len(), 0, self.page.as_ptr(), parameters.size as size_t)
        };
        usize::try_from(length).is_ok_and(|length| length == octets.len())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nobody else has it.
        let _ = unsafe { munmap(self.page.as_ptr(), self.mapped.parameters.size as size_t) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::some;
    use std::{
        fs::{self, File},
        io::{self, Read},
        os::fd::FromRawFd,
    };

    /// The kernels that have it: those of 64 bits from 6.11 on.
    #[test]
    fn it_is_there_where_the_kernel_has_it() {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = release.split(['.', '-']).map_while(|number| number.trim().parse::<u32>().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap_or(0));
        if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            assert_eq!(Mapped::get().is_some(), version >= (6, 11), "{release}");
        }
        assert_eq!(fill(&mut [0; 16]), Mapped::get().is_some());
    }

    #[test]
    fn a_forked_process_has_others() {
        some();
        let mut ends = [0; 2];
        // SAFETY: there is room for two.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        // SAFETY: the child does nothing but what may be done where there were other threads.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let theirs = some();
            // SAFETY: 16 octets are there, and a process may end.
            unsafe {
                libc::write(ends[1], theirs.as_ptr().cast(), theirs.len());
                libc::_exit(0);
            }
        }
        assert!(child > 0, "{}", io::Error::last_os_error());
        let ours = some();
        let mut theirs = [0; 16];
        // SAFETY: it is ours, and open.
        unsafe { File::from_raw_fd(ends[0]) }.read_exact(&mut theirs).unwrap();
        // SAFETY: as above; whose child it was, we are.
        unsafe {
            libc::close(ends[1]);
            libc::waitpid(child, null_mut(), 0);
        }
        assert_ne!(ours, theirs);
    }

    /// A thread's memory goes with it.
    #[test]
    fn threads_that_end_leave_nothing_mapped() {
        let maps = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let thread = || std::thread::spawn(some).join().unwrap();
        thread();
        let before = maps();
        (0..100).for_each(|_| {
            thread();
        });
        assert!(maps() < before + 50, "{before}, then {}", maps());
    }
}
