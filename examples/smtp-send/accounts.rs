//! The file of `AuthInfo` lines.

use sasl_core::auth_info::{AuthInfo, keys};
use smtp::exit::Failure;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};
use zeroize::Zeroizing;

/// The longest file that is read, in octets.
const MAX_FILE: usize = 64 * 1024;

/// What is said about the server of that name and address: sendmail's order decides.
pub(crate) fn find(file: &Path, host: &str, address: &str) -> Result<Option<AuthInfo>, Failure> {
    let text = read(file).map_err(|error| Failure::of(file.display(), error))?;
    let text = str::from_utf8(&text).map_err(|_| Failure::of(file.display(), "not UTF-8"))?;
    look_up(text, host, address).map_err(|error| Failure::of(file.display(), error))
}

/// Into a buffer of its final size, so that no copy of a password stays behind.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err(io::Error::other("others may read it or write to it: chmod 600"));
    }
    let mut text = Zeroizing::new(vec![0; MAX_FILE]);
    let mut length = 0;
    let mut file = file.take(MAX_FILE as u64);
    while let read @ 1.. = file.read(&mut text[length..])? {
        length += read;
    }
    text.truncate(length);
    if length == MAX_FILE { Err(io::Error::other("too long")) } else { Ok(text) }
}

fn look_up(text: &str, host: &str, address: &str) -> Result<Option<AuthInfo>, String> {
    let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    let found = keys(host, address).into_iter().find_map(|key| {
        lines().find_map(|(index, line)| {
            let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            name.eq_ignore_ascii_case(&key).then_some((index + 1, value))
        })
    });
    let info = found.map(|(number, value)| AuthInfo::parse(value).map_err(|error| format!("line {number}: {error}")));
    info.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# AuthInfo:mail.example.org \"U:nobody\" \"P:x\"\n\
        AuthInfo:\t\"U:any\" \"P:x\"\n\
        authinfo:Mail.Example.org \"U:named\" \"P:x\"\n\
        AuthInfo:127.0.0.1 \"U:by-address\" \"P:x\"\n\
        AuthInfo:bad \"U:tim\"\n";

    fn user(text: &str, host: &str, address: &str) -> Option<String> {
        let info = look_up(text, host, address).unwrap();
        info.map(|info| String::from_utf8(info.to_value().expose().to_vec()).unwrap())
    }

    #[test]
    fn the_name_goes_before_the_address_and_both_before_what_is_for_all() {
        assert_eq!(user(FILE, "mail.example.org", "127.0.0.1").unwrap(), "\"U:named\" \"P:x\"");
        assert_eq!(user(FILE, "elsewhere", "127.0.0.1").unwrap(), "\"U:by-address\" \"P:x\"");
        assert_eq!(user(FILE, "elsewhere", "::1").unwrap(), "\"U:any\" \"P:x\"");
        assert_eq!(user("", "elsewhere", "::1"), None);
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_there() {
        assert_eq!(look_up(FILE, "bad", "").unwrap_err(), "line 5: no P: the password is missing");
    }
}
