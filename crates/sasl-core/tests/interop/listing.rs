//! What our server offers, beside what libsasl2's offers, under every combination of properties and of some channels.

use crate::peer;
use sasl_core::{
    catalogue,
    channel::{
        Channel,
        binding::{BindingType, ChannelBinding},
    },
    guarantees::Guarantees,
    host::Host,
    policy::{Binding, Policy, Proxy},
    server::Server,
};
use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

/// The numbers of a row, in the order in which the peer reads them.
#[derive(Clone, Copy, Debug)]
struct Row {
    flags: u32,
    min: u32,
    max: u32,
    buffer: u32,
    external: u32,
    identity: u32,
    binding: u32,
    proxy: u32,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for flags in 0..0x80 {
        for (min, max) in [(0, 0), (0, 256), (1, 0), (2, 256), (56, 56), (128, 256), (129, 256), (257, 256)] {
            for external in [0, 1, 2, 128, 256] {
                for (buffer, identity, binding, proxy) in
                    [(0, 0, 0, 0), (8192, 0, 0, 0), (8192, 1, 0, 0), (8192, 0, 1, 0), (8192, 1, 2, 0), (8192, 1, 1, 1)]
                {
                    rows.push(Row { flags, min, max, buffer, external, identity, binding, proxy });
                }
            }
        }
    }
    rows
}

fn theirs(rows: &[Row]) -> Vec<String> {
    let program = peer::build("listing", "sasl2");
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
    let mut stdin = child.stdin.take().unwrap();
    let text: String = rows
        .iter()
        .map(|row| {
            let Row { flags, min, max, buffer, external, identity, binding, proxy } = row;
            format!("{flags} {min} {max} {buffer} {external} {identity} {binding} {proxy}\n")
        })
        .collect();
    let writer = thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ours(row: Row) -> String {
    let binding = if row.binding == 2 { Binding::Required } else { Binding::Optional };
    let policy = Policy::default()
        .demanding(Guarantees::from_bits(row.flags))
        .with_strength(row.min, row.max)
        .with_max_buffer(row.buffer)
        .with_channel_binding(binding)
        .with_proxy(if row.proxy == 1 { Proxy::Required } else { Proxy::Ask });
    let mut channel = Channel::tls(row.external);
    if row.identity == 1 {
        channel = channel.with_external("tim");
    }
    if row.binding > 0 {
        channel = channel.with_binding(ChannelBinding::new(BindingType::TlsUnique, "abc"));
    }
    let server = Server::builder(catalogue::STANDARD, Host::new("smtp", "mail.example.com")).policy(policy).build();
    server.offer(&channel).map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
}

/// Of their names, those that are ours too; what a machine has besides depends on its packages.
fn shared(names: &str) -> String {
    let known = |name: &&str| catalogue::STANDARD.iter().any(|mechanism| mechanism.name.as_str() == *name);
    names.split(' ').filter(known).collect::<Vec<_>>().join(" ")
}

/// The order of PLAIN and LOGIN, which libsasl2 takes from the order of its files, is put aside.
fn in_order(names: &str) -> String {
    names.replace("LOGIN PLAIN", "PLAIN LOGIN")
}

#[test]
fn what_is_offered_is_what_libsasl2_offers_under_every_combination() {
    let rows = rows();
    let theirs = theirs(&rows);
    assert_eq!((theirs.len(), rows.len()), (30_720, 30_720));
    let differs = |(row, theirs): (&Row, &String)| {
        let (ours, theirs) = (ours(*row), in_order(&shared(theirs)));
        (ours != theirs).then(|| format!("{row:?}:\n  ours   {ours}\n  theirs {theirs}"))
    };
    let different: Vec<_> = rows.iter().zip(&theirs).filter_map(differs).collect();
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different[..different.len().min(10)].join("\n"));
    assert!(theirs.iter().any(|names| names.contains("PLUS")) && theirs.iter().any(|names| names == "-"));
}
