//! Writes the man pages and the completions of both programs: `saslpasswd_manual DIRECTORY`.

#[path = "../../manual.rs"]
mod manual;

use manual::{Sections, write};
use saslpasswd_rs::cli;
use std::{env, error, path::Path};

const SASLPASSWD2: Sections = &[
    (
        "FILES",
        &[
            ("/etc/sasldb2", "The database. /etc/sasldb2-lock beside it is where its readers and writers meet."),
            (
                "APPLICATION.conf",
                "sasldb_path, mech_list, auxprop_plugin and digest_realm are read from the first one in SASL_CONF_PATH, by \
                 default /etc/sasl2, /etc/sasl, and sasl2 in the library directories.",
            ),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "Done."),
            ("1", "The command line makes no sense, or the database cannot be used."),
            ("4", "The users of this application are not in a sasldb."),
            ("7", "No such name or password can be, or the two that were typed differ."),
            ("20", "There is no such user to disable or enable."),
            ("100", "APPLICATION.conf cannot be read."),
        ],
    ),
    ("SEE ALSO", &[("sasldblistusers2(8), saslauthd(8)", "")]),
];

const SASLDBLISTUSERS2: Sections = &[
    (
        "EXIT STATUS",
        &[
            ("0", "All users were listed."),
            ("1", "The command line makes no sense, or the database cannot be read."),
            ("141", "Whoever reads the list has had enough."),
        ],
    ),
    ("SEE ALSO", &[("saslpasswd2(8), saslauthd(8)", "")]),
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let directory = env::args().nth(1).ok_or("usage: saslpasswd_manual DIRECTORY")?;
    for (command, sections) in [(cli::saslpasswd2(), SASLPASSWD2), (cli::sasldblistusers2(), SASLDBLISTUSERS2)] {
        write(command, sections, Path::new(&directory))?;
    }
    Ok(())
}
