//! How the man pages and completions of the programs are written: a part of both examples that do so.

use clap::Command;
use clap_complete::{Shell, generate_to};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{error, fs, path::Path};

/// What a page says besides its flags: sections of terms and what they mean.
pub(crate) type Sections = &'static [(&'static str, &'static [(&'static str, &'static str)])];

/// Writes the page and the completions of one program below `directory`.
pub(crate) fn write(mut command: Command, sections: Sections, directory: &Path) -> Result<(), Box<dyn error::Error>> {
    let name = command.get_name().to_owned();
    write_page(&command, sections, directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let completions = directory.join("completions").join(shell.to_string());
        fs::create_dir_all(&completions)?;
        generate_to(shell, &mut command, &name, completions)?;
    }
    Ok(())
}

/// Writes the page of one command below `directory`.
pub(crate) fn write_page(command: &Command, sections: Sections, directory: &Path) -> Result<(), Box<dyn error::Error>> {
    let pages = directory.join("man8");
    fs::create_dir_all(&pages)?;
    let mut page = Vec::new();
    Man::new(command.clone()).section("8").render(&mut page)?;
    as_roff(sections).to_writer(&mut page)?;
    fs::write(pages.join(format!("{}.8", command.get_name())), page)?;
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
