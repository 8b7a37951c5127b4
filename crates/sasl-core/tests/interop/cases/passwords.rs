//! Names and passwords: right ones, wrong ones, long ones, and ones that are not ASCII.

use crate::case::{Case, DIGEST, GSASL, Kept, Known, LIBSASL2, OURS, SCRAM, TIM};

const LONG: &str = "a password of more than sixty-four octets, which HMAC-MD5 hashes before it uses it as a key";
const LONG_TOO: &str = "a password of more than sixty-four octets, which HMAC-MD5 hashes before it uses it as a kez";
const NAME_OF_255: &str = match str::from_utf8(&[b'n'; 255]) {
    Ok(name) => name,
    Err(_) => unreachable!(),
};

const CRAM: &[&str] = &["CRAM-MD5"];

const TRIMS: Known = Known::accepted("tim", "libsasl2 trims names");

const NO_ESCAPES: &[Known] = &[
    Known::refused("gsasl writes no backslash before a quote").by(DIGEST).from(GSASL),
    Known::refused("gsasl reads no backslash before a quote").by(DIGEST).to(GSASL),
];

/// RFC 2831 has each string converted to ISO 8859-1 that can be. Our server knows all readings.
const HALF_CONVERTED: &[Known] = &[Known::refused("gsasl converts the password to ISO 8859-1, but not the name")
    .by(DIGEST)
    .from(OURS)
    .to(GSASL)
    .where_kept(Kept::AsPlaintext)];

const WE_PREPARE: &str = "we prepare by SASLprep where the RFC says so";
const PREPARES: &str = "gsasl prepares by SASLprep";
const NEVER: Known = Known::refused("libsasl2 never prepares by SASLprep").by(SCRAM).to(LIBSASL2);
const OURS_FITS: Known = Known::accepted("tim", WE_PREPARE);
const GSASLS_FITS: Known = Known::accepted("tim", PREPARES);
const GSASLS_FITS_NOT: Known = Known::refused(PREPARES);

/// Kept and typed in one form, which is another one after SASLprep.
const CHANGED: &[Known] = &[
    NEVER.from(OURS).where_kept(Kept::AsPlaintext),
    GSASLS_FITS_NOT.by(CRAM).from(GSASL).to(OURS),
    GSASLS_FITS_NOT.by(CRAM).from(OURS).to(GSASL),
];

/// Kept in that form, and typed in the other.
const SET_BEFORE: &[Known] = &[
    OURS_FITS.by(SCRAM).to(OURS),
    OURS_FITS.by(SCRAM).to(LIBSASL2).where_kept(Kept::AsVerifiers),
    GSASLS_FITS.by(SCRAM).to(GSASL),
    GSASLS_FITS.by(&["PLAIN", "CRAM-MD5"]).to(GSASL),
];

/// The other way round.
const TYPED_BEFORE: &[Known] = &[
    OURS_FITS.by(SCRAM).from(OURS),
    GSASLS_FITS.by(SCRAM).from(GSASL),
    GSASLS_FITS.by(CRAM).from(GSASL),
    OURS_FITS.by(&["PLAIN", "LOGIN"]).to(OURS),
    GSASLS_FITS.by(&["PLAIN"]).to(GSASL),
];

const REFUSES: Known = Known::refused("gsasl refuses what SASLprep forbids, and what Unicode 3.2 does not know");

const FORBIDDEN: &[Known] = &[
    REFUSES.by(&["PLAIN", "CRAM-MD5"]).to(GSASL),
    REFUSES.by(CRAM).from(GSASL),
    REFUSES.by(SCRAM).from(GSASL),
    REFUSES.by(SCRAM).to(GSASL).where_kept(Kept::AsPlaintext),
];

/// gsasl's clients refuse them all, its servers all but in a password for CRAM-MD5.
const UNASSIGNED: &[Known] = &[
    REFUSES.by(&["PLAIN"]).to(GSASL),
    REFUSES.by(CRAM).from(GSASL),
    REFUSES.by(SCRAM).from(GSASL),
    REFUSES.by(SCRAM).to(GSASL).where_kept(Kept::AsPlaintext),
];

/// A server that compares octets looks for the one, and is told the other.
const NAME_CHANGED: &[Known] = &[
    Known::refused(WE_PREPARE).by(SCRAM).from(OURS),
    GSASLS_FITS_NOT.by(SCRAM).from(GSASL),
    GSASLS_FITS_NOT.by(CRAM).from(GSASL),
    GSASLS_FITS_NOT.by(&["PLAIN"]).to(GSASL),
];

pub(super) const CASES: &[Case] = &[
    Case { name: "right password", ..TIM },
    Case { name: "no initial response", initial: false, ..TIM },
    Case { name: "data with the success", data: true, ..TIM },
    Case { name: "wrong password", tried_password: "tanstaaF", expected: None, ..TIM },
    Case { name: "wrong password, data with the success", tried_password: "x", expected: None, data: true, ..TIM },
    Case { name: "a prefix of the password", tried_password: "tanstaa", expected: None, ..TIM },
    Case { name: "no password", tried_password: "", expected: None, ..TIM },
    Case { name: "unknown user", tried_user: "bob", expected: None, ..TIM },
    Case { name: "another case", tried_user: "Tim", expected: None, ..TIM },
    Case { name: "long password", ..Case::of("tim", LONG) },
    Case { name: "long password, last octet wrong", tried_password: LONG_TOO, expected: None, ..Case::of("tim", LONG) },
    Case { name: "long name", ..Case::of(NAME_OF_255, "tanstaaf") },
    Case { name: "one octet each", ..Case::of("t", "p") },
    Case { name: "blanks inside", ..Case::of("t i m", "a b") },
    Case { name: "blanks around the password", ..Case::of("tim", " pw ") },
    Case {
        name: "blanks around the name",
        tried_user: " tim ",
        expected: None,
        known: &[TRIMS.from(LIBSASL2), TRIMS.to(LIBSASL2)],
        ..TIM
    },
    Case { name: "user@realm", ..Case::of("tim@example.org", "tanstaaf") },
    Case { name: "comma and equals sign", ..Case::of("t,i=m=2C", "a,b=c") },
    Case { name: "quotes and backslashes", known: NO_ESCAPES, ..Case::of("qu\"o\\te", "quo\"te\\pw") },
    Case { name: "utf-8 password", ..Case::of("tim", "pässwörd") },
    Case { name: "utf-8 name", known: HALF_CONVERTED, ..Case::of("josé", "tanstaaf") },
    Case { name: "utf-8 both", known: HALF_CONVERTED, ..Case::of("josé", "pässwörd") },
    Case {
        name: "utf-8, wrong password", tried_password: "passwörd", expected: None, ..Case::of("josé", "pässwörd")
    },
    Case { name: "utf-8 beyond latin-1", ..Case::of("日本", "パス") },
    Case { name: "utf-8, half of it latin-1", known: HALF_CONVERTED, ..Case::of("josé", "パス") },
    Case { name: "a password that SASLprep changes", known: CHANGED, ..Case::of("tim", "\u{2168}\u{ad}") },
    Case {
        name: "a password set before SASLprep, typed after",
        tried_password: "IX",
        expected: None,
        known: SET_BEFORE,
        ..Case::of("tim", "\u{2168}")
    },
    Case {
        name: "a password typed before SASLprep",
        password: "IX",
        expected: None,
        known: TYPED_BEFORE,
        ..Case::of("tim", "\u{2168}")
    },
    Case { name: "a password of later than Unicode 3.2", known: UNASSIGNED, ..Case::of("tim", "\u{1f511}") },
    Case { name: "a password that SASLprep forbids", known: FORBIDDEN, ..Case::of("tim", "a\u{7}b") },
    Case { name: "a name that SASLprep changes", known: NAME_CHANGED, ..Case::of("\u{2168}", "tanstaaf") },
];
