//! The options of an application: where its `APP.conf` is, and what it says.

use crate::exit::{Failure, status};
use nix::unistd::{getegid, geteuid, getgid, getuid};
use sasl_core::app_conf::AppConf;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

/// Debian's list, on this processor.
fn debian() -> String {
    format!("/etc/sasl2:/etc/sasl:/usr/lib/{}-linux-gnu/sasl2:/usr/lib/sasl2", env::consts::ARCH)
}

/// Reads the first `NAME.conf` there is. None is no error: there are then no options.
///
/// # Errors
/// With [`status::BAD_CONFIGURATION`], the file and the line, where it cannot be read.
pub fn options_of(name: &OsStr) -> Result<AppConf, Failure> {
    if name.as_encoded_bytes().contains(&b'/') {
        return Err(Failure::new(status::FAILED, "-a: appname must not contain /"));
    }
    let mut file = name.to_owned();
    file.push(".conf");
    for directory in env::split_paths(&directories()) {
        if let Some(options) = read(&directory.join(&file))? {
            return Ok(options);
        }
    }
    Ok(AppConf::default())
}

/// The environment is believed only by a program that runs as whoever started it.
fn directories() -> OsString {
    let plain = getuid() == geteuid() && getgid() == getegid();
    let wanted = env::var_os("SASL_CONF_PATH").filter(|_| plain);
    wanted.unwrap_or_else(|| debian().into())
}

fn read(path: &Path) -> Result<Option<AppConf>, Failure> {
    let bad = |text: String| Failure::new(status::BAD_CONFIGURATION, format!("{}: {text}", path.display()));
    match fs::read(path) {
        Ok(text) => AppConf::parse(&text).map(Some).map_err(|line| bad(line.to_string())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// A path out of an option.
#[must_use]
pub fn path_of(value: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(value).into()
}
