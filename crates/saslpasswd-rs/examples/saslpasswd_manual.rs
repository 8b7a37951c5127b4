//! Writes the man pages and the completions of both programs: `saslpasswd_manual DIRECTORY`.

use clap::Command;
use clap_complete::{Shell, generate_to};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use saslpasswd_rs::cli;
use std::{env, error, fs, path::Path};

/// What a page says besides its flags: sections of terms and what they mean.
type Sections = &'static [(&'static str, &'static [(&'static str, &'static str)])];

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

fn write(mut command: Command, sections: Sections, directory: &Path) -> Result<(), Box<dyn error::Error>> {
    let name = command.get_name().to_owned();
    let pages = directory.join("man8");
    fs::create_dir_all(&pages)?;
    let mut page = Vec::new();
    Man::new(command.clone()).section("8").render(&mut page)?;
    as_roff(sections).to_writer(&mut page)?;
    fs::write(pages.join(format!("{name}.8")), page)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let completions = directory.join("completions").join(shell.to_string());
        fs::create_dir_all(&completions)?;
        generate_to(shell, &mut command, &name, completions)?;
    }
    Ok(())
}

fn as_roff(sections: Sections) -> Roff {
    let mut roff = Roff::new();
    for (title, entries) in sections {
        roff.control("SH", [*title]);
        for (term, meaning) in *entries {
            roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
        }
    }
    roff
}
