//! The system calls that serving takes: of the C library, tokio, the store, and looking up names of servers.

use nix::{
    libc::{self, c_int, c_long},
    unistd::getpid,
};
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// Whether there are servers that passwords are checked by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by nature")]
pub enum Network {
    /// It connects to them.
    Used,
    /// There are none.
    Unused,
}

/// Calls, and on which conditions; without any, always.
pub(super) type Rules = Vec<(i64, Vec<SeccompRule>)>;

/// Memory, threads and time.
const PROCESS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mlock,
    libc::SYS_mlock2,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_prctl,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Files: the store, its lock, and what is read for names, certificates and configuration.
const FILES: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sync_file_range,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Sockets, and waiting.
const SOCKETS: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
];

/// What newer machines have other calls for.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// Those that are allowed.
pub(super) fn allowed(network: Network) -> Result<Rules, BackendError> {
    let always = [PROCESS, FILES, SOCKETS, OLDER].into_iter().flatten().map(|call| (*call, Vec::new()));
    Ok(always.chain(conditional(network)?).collect())
}

/// Those that are allowed for some arguments.
fn conditional(network: Network) -> Result<Rules, BackendError> {
    const THREAD: u64 = libc::CLONE_THREAD.unsigned_abs() as u64;
    let families: &[c_int] = match network {
        Network::Unused => &[libc::AF_UNIX],
        // The last one is for looking up names.
        Network::Used => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
    };
    let families = families.iter().map(|family| rule(&[(0, SeccompCmpOp::Eq, number(*family))]));
    Ok(vec![
        // A thread, and no process.
        (libc::SYS_clone, vec![rule(&[(0, SeccompCmpOp::MaskedEq(THREAD), THREAD)])?]),
        // Not what types into a terminal.
        (libc::SYS_ioctl, vec![rule(&[(1, SeccompCmpOp::Ne, libc::TIOCSTI), (1, SeccompCmpOp::Ne, libc::TIOCLINUX)])?]),
        // Its own limits, and signals to its own threads.
        (libc::SYS_prlimit64, vec![rule(&[(0, SeccompCmpOp::Eq, 0)])?]),
        (libc::SYS_tgkill, vec![rule(&[(0, SeccompCmpOp::Eq, number(getpid().as_raw()))])?]),
        (libc::SYS_socket, families.collect::<Result<_, _>>()?),
    ])
}

/// All of these, each of an argument's lower half.
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, BackendError> {
    let condition = |(at, compare, value): &(u8, SeccompCmpOp, u64)| {
        let half = SeccompCmpArgLen::Dword;
        SeccompCondition::new(*at, half, compare.clone(), *value)
    };
    SeccompRule::new(conditions.iter().map(condition).collect::<Result<_, _>>()?)
}

fn number(value: c_int) -> u64 {
    value.unsigned_abs().into()
}

/// Those that are said not to exist.
pub(super) fn unseen() -> Rules {
    vec![(libc::SYS_clone3, Vec::new())]
}
