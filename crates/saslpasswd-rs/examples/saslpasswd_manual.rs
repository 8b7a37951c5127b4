//! Writes the man pages and the completions of both programs: `saslpasswd_manual DIRECTORY`.

use clap::Command;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use saslpasswd_rs::cli;
use std::{env, error, fs, path::Path};

fn main() -> Result<(), Box<dyn error::Error>> {
    let directory = env::args().nth(1).ok_or("usage: saslpasswd_manual DIRECTORY")?;
    for command in [cli::saslpasswd2(), cli::sasldblistusers2()] {
        write(command, Path::new(&directory))?;
    }
    Ok(())
}

fn write(mut command: Command, directory: &Path) -> Result<(), Box<dyn error::Error>> {
    let name = command.get_name().to_owned();
    let pages = directory.join("man8");
    fs::create_dir_all(&pages)?;
    let mut page = Vec::new();
    Man::new(command.clone()).section("8").render(&mut page)?;
    fs::write(pages.join(format!("{name}.8")), page)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let completions = directory.join("completions").join(shell.to_string());
        fs::create_dir_all(&completions)?;
        generate_to(shell, &mut command, &name, completions)?;
    }
    Ok(())
}
