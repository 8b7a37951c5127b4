//! PAM's return values, as Linux-PAM numbers them.

use crate::finding::Finding;
use nix::libc::c_int;

pub(super) const SUCCESS: c_int = 0;
pub(super) const BUF_ERR: c_int = 5;
const PERM_DENIED: c_int = 6;
const AUTH_ERR: c_int = 7;
const CRED_INSUFFICIENT: c_int = 8;
const USER_UNKNOWN: c_int = 10;
const MAXTRIES: c_int = 11;
const NEW_AUTHTOK_REQD: c_int = 12;
const ACCT_EXPIRED: c_int = 13;
const CRED_EXPIRED: c_int = 16;
const CRED_ERR: c_int = 17;
pub(super) const CONV_ERR: c_int = 19;
const AUTHTOK_ERR: c_int = 20;
const AUTHTOK_RECOVERY_ERR: c_int = 21;
const AUTHTOK_EXPIRED: c_int = 27;

/// What `pam_authenticate` says. What is not the user's fault, and what is no value of PAM's, is nobody's answer.
pub(super) fn of_authenticate(code: c_int) -> Finding {
    match code {
        SUCCESS => Finding::Accepted,
        USER_UNKNOWN => Finding::Unknown,
        AUTH_ERR | PERM_DENIED | MAXTRIES | CRED_INSUFFICIENT | CRED_ERR | AUTHTOK_ERR | AUTHTOK_RECOVERY_ERR => {
            Finding::Wrong
        }
        AUTHTOK_EXPIRED | NEW_AUTHTOK_REQD => Finding::PasswordExpired,
        ACCT_EXPIRED | CRED_EXPIRED => Finding::Account,
        _ => Finding::Unavailable,
    }
}

/// What `pam_acct_mgmt` says: the password was right, so that a refusal is about the account.
pub(super) fn of_acct_mgmt(code: c_int) -> Finding {
    match of_authenticate(code) {
        Finding::Wrong => Finding::Account,
        finding => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Finding::{Accepted, Account, PasswordExpired, Unavailable, Unknown, Wrong};

    /// Of `_pam_types.h`, in its order.
    const NAMES: [(&str, Finding); 32] = [
        ("SUCCESS", Accepted),
        ("OPEN_ERR", Unavailable),
        ("SYMBOL_ERR", Unavailable),
        ("SERVICE_ERR", Unavailable),
        ("SYSTEM_ERR", Unavailable),
        ("BUF_ERR", Unavailable),
        ("PERM_DENIED", Wrong),
        ("AUTH_ERR", Wrong),
        ("CRED_INSUFFICIENT", Wrong),
        ("AUTHINFO_UNAVAIL", Unavailable),
        ("USER_UNKNOWN", Unknown),
        ("MAXTRIES", Wrong),
        ("NEW_AUTHTOK_REQD", PasswordExpired),
        ("ACCT_EXPIRED", Account),
        ("SESSION_ERR", Unavailable),
        ("CRED_UNAVAIL", Unavailable),
        ("CRED_EXPIRED", Account),
        ("CRED_ERR", Wrong),
        ("NO_MODULE_DATA", Unavailable),
        ("CONV_ERR", Unavailable),
        ("AUTHTOK_ERR", Wrong),
        ("AUTHTOK_RECOVERY_ERR", Wrong),
        ("AUTHTOK_LOCK_BUSY", Unavailable),
        ("AUTHTOK_DISABLE_AGING", Unavailable),
        ("TRY_AGAIN", Unavailable),
        ("IGNORE", Unavailable),
        ("ABORT", Unavailable),
        ("AUTHTOK_EXPIRED", PasswordExpired),
        ("MODULE_UNKNOWN", Unavailable),
        ("BAD_ITEM", Unavailable),
        ("CONV_AGAIN", Unavailable),
        ("INCOMPLETE", Unavailable),
    ];

    #[test]
    fn only_success_lets_in_and_only_the_users_fault_is_the_users() {
        for ((name, finding), code) in NAMES.into_iter().zip(0..) {
            assert_eq!(of_authenticate(code), finding, "PAM_{name}");
            let about_the_account = if finding == Wrong { Account } else { finding };
            assert_eq!(of_acct_mgmt(code), about_the_account, "PAM_{name}");
        }
        for code in [-1, 32, c_int::MIN, c_int::MAX] {
            assert_eq!([of_authenticate(code), of_acct_mgmt(code)], [Unavailable; 2], "{code}");
        }
    }
}
