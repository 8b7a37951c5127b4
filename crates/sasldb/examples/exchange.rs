//! Plays an exchange of our client with our server over a store, and shows what goes over the wire:
//! `exchange DB MECHANISM USER@REALM`, the password on standard input.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use sasl_core::{
    catalogue, channel::Channel, client::Client, credentials::Credentials, host::Host, secret::Secret, server::Server,
    step::Reply,
};
use sasldb::{
    location::{Access, Location},
    open::open,
    users::{Users, realm_of_this_host},
};
use std::{env, error, io, process::ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("S: refused: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn error::Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [location, mechanism, login] = words.as_slice() else {
        return Err("usage: exchange DB MECHANISM USER@REALM".into());
    };
    let password = io::read_to_string(io::stdin())?;
    let realm = realm_of_this_host()?;
    let host = Host::new("smtp", &String::from_utf8_lossy(realm.as_bytes()));
    let store = open(&Location::parse(location), Access::Read)?;
    let server = Server::builder(catalogue::STANDARD, host.clone());
    let server = server.default_realm(realm.clone()).decoy_secret(store.secret()?).build();
    let client =
        Client::new(catalogue::STANDARD, host, Credentials::new(login, Secret::new(password.trim_end_matches('\n'))));
    play(&client, &server, mechanism, &Users::new(store, realm))
}

fn play(client: &Client, server: &Server, mechanism: &str, users: &Users) -> Result<(), Box<dyn error::Error>> {
    let channel = Channel::tls(256);
    let mut response = client.start(&channel, mechanism)?;
    println!("C: AUTH {mechanism} {}", response.message().map(shown).unwrap_or_default());
    let mut step = server.start(&channel, mechanism, response.message());
    loop {
        match step.answered_by(users) {
            Reply::Fail(failure) => return Err(Box::new(failure)),
            Reply::Done(success) => {
                response.succeeded(success.data())?;
                println!("S: welcome, {}", success.identity().acts_as());
                return Ok(());
            }
            Reply::Continue(challenge) => {
                println!("S: {}", shown(challenge.message()));
                response = response.challenge(challenge.message())?;
                let message = response.message().unwrap_or_default();
                println!("C: {}", shown(message));
                step = challenge.respond(message);
            }
        }
    }
}

fn shown(message: &[u8]) -> String {
    String::from_utf8_lossy(message).replace('\0', "\\0")
}
