//! Adds users to a store and prints the name of each once it is on the disk: `writer DB PREFIX COUNT`.

use sasl_core::verifier::{Scheme, Verifiers, argon2id::Memory};
use sasldb::{
    location::{Access, Location},
    name::Name,
    open::open,
    record::Record,
    store::Change,
};
use std::{env, error, io::Write};

fn main() -> Result<(), Box<dyn error::Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [location, prefix, count] = words.as_slice() else { return Err("usage: writer DB PREFIX COUNT".into()) };
    let store = open(&Location::parse(location), Access::Create)?;
    let mut out = std::io::stdout();
    for number in 0..count.parse()? {
        let user = format!("{prefix}{number}");
        let name = Name::new(user.as_bytes(), b"example.com")?;
        let verifiers =
            Verifiers::derive(&[Scheme::CramMd5], &name.login(), &[], user.as_bytes(), &mut Memory::default())?;
        store.write(&mut [Change::Put(Record::new(name, verifiers)?)].into_iter())?;
        writeln!(out, "{user}")?;
        out.flush()?;
        let _: u32 = number;
    }
    Ok(())
}
