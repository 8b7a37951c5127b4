//! The security layers of DIGEST-MD5: which one is agreed on, packets in both directions, and packets that were changed.

use crate::{
    case::{Case, DIGEST, END, End, Kept, Party, TIM},
    play::{client_of, server_of},
    sides::{Client, Server, Side, converse},
    tally::Tally,
};

/// None, integrity, and the ciphers, by their bits.
const STRENGTHS: [(u32, &str); 7] =
    [(0, "no layer"), (1, "auth-int"), (40, "rc4-40"), (55, "des"), (56, "rc4-56"), (112, "3des"), (128, "rc4")];

/// What clients and servers demand.
const RANGES: [(u32, u32); 12] =
    [(0, 0), (0, 1), (0, 55), (0, 56), (0, 112), (0, 256), (1, 1), (1, 128), (2, 128), (40, 40), (57, 111), (112, 112)];

const SMALL: u32 = 1024;
const LARGE: u32 = 4096;

pub(crate) type Pairing = (Party, Party);

/// A client and a server that agreed.
struct Pair {
    client: Box<dyn Client>,
    server: Box<dyn Server>,
}

/// Who sends.
#[derive(Clone, Copy, Debug)]
enum Way {
    ToServer,
    ToClient,
}

impl Pair {
    fn agree((client, server): Pairing, case: &Case) -> Result<Self, String> {
        let mut pair = Self {
            client: client_of(client, case, "DIGEST-MD5"),
            server: server_of(server, case, "DIGEST-MD5", Kept::AsPlaintext).unwrap(),
        };
        converse(&mut *pair.client, &mut *pair.server)?;
        Ok(pair)
    }

    /// The one who sends, and the one who receives.
    fn turned(&mut self, way: Way) -> (&mut dyn Side, &mut dyn Side) {
        match way {
            Way::ToServer => (&mut *self.client, &mut *self.server),
            Way::ToClient => (&mut *self.server, &mut *self.client),
        }
    }

    fn send(&mut self, way: Way, plain: &[u8]) -> Result<Vec<u8>, String> {
        let (sender, receiver) = self.turned(way);
        let wire = sender.wrap(plain).map_err(|reason| format!("wrap: {reason}"))?;
        receiver.unwrap(&wire).map_err(|reason| format!("unwrap: {reason}"))
    }
}

/// The case of two ends with these demands.
fn case(client: (u32, u32), server: (u32, u32), buffers: [u32; 2]) -> Case {
    let end = |strength, buffer| End { strength, buffer, ..END };
    Case { mechanisms: DIGEST, client: end(client, buffers[0]), server: end(server, buffers[1]), ..TIM }
}

pub(crate) fn pairings(library: Party) -> [Pairing; 3] {
    [(Party::Ours, library), (library, Party::Ours), (library, library)]
}

fn has(party: Party, strength: u32) -> bool {
    party != Party::Gsasl || strength <= 1
}

/// Every demand of a client with every demand of a server: the strongest layer that both have and want.
pub(crate) fn agreements(library: Party, tally: &mut Tally) {
    for (client, server) in RANGES.iter().flat_map(|client| RANGES.map(|server| (*client, server))) {
        for pairing in pairings(library) {
            if [(pairing.0, client), (pairing.1, server)].iter().any(|(party, (min, _))| !has(*party, *min)) {
                tally.leave_out("gsasl has no layer with encryption, and cannot demand one".into());
                continue;
            }
            let wanted = |bits: u32| [client, server].iter().all(|(min, max)| (*min..=*max).contains(&bits));
            let strongest = STRENGTHS
                .iter()
                .rev()
                .find(|(bits, _)| wanted(*bits) && has(pairing.0, *bits) && has(pairing.1, *bits));
            let what = format!("{client:?} with {server:?}");
            let got = Pair::agree(pairing, &case(client, server, [LARGE; 2])).and_then(|mut pair| agreed(&mut pair));
            tally.compare((&what, "agreement", pairing), (strongest.map(|(_, name)| *name), None), &got);
        }
    }
}

/// Where one side takes no packets there is no layer.
pub(crate) fn no_room(library: Party, tally: &mut Tally) {
    for (what, buffers) in [("no room at the client", [0, LARGE]), ("no room at the server", [LARGE, 0])] {
        for pairing in pairings(library) {
            if library == Party::Gsasl {
                tally.leave_out("gsasl takes packets of 65536, and cannot be told otherwise".into());
                continue;
            }
            let got = Pair::agree(pairing, &case((0, 256), (0, 256), buffers)).and_then(|mut pair| agreed(&mut pair));
            tally.compare((what, "agreement", pairing), (Some("no layer"), None), &got);
        }
    }
}

/// What both say they agreed on; gsasl cannot say.
fn agreed(pair: &mut Pair) -> Result<String, String> {
    let said = [pair.client.ssf(), pair.server.ssf()];
    let known: Vec<u32> = said.into_iter().flatten().collect();
    match (&*known, STRENGTHS.iter().find(|(bits, _)| known.first() == Some(bits))) {
        ([a, b], _) if a != b => Err(format!("{a} to the one is {b} to the other")),
        (_, Some((_, name))) => Ok((*name).to_owned()),
        ([], None) => Ok(if pair.client.wrap(b"x")? == b"x" { "no layer" } else { "auth-int" }.into()),
        (known, None) => Err(format!("{known:?} bits")),
    }
}

/// Packets of many lengths, in both directions by turns, whole and in pieces.
pub(crate) fn packets(library: Party, tally: &mut Tally) {
    for (bits, name) in STRENGTHS.into_iter().skip(1) {
        if !has(library, bits) {
            tally.leave_out("gsasl has no layer with encryption, and cannot demand one".into());
            continue;
        }
        for pairing in pairings(library) {
            let case = case((bits, bits), (bits, bits), [SMALL, LARGE]);
            let mut compare = |what: &str, case: &Case, exchange: &dyn Fn(Pair) -> Result<String, String>| {
                let got = Pair::agree(pairing, case).and_then(exchange);
                tally.compare((what, name, pairing), (Some("as sent"), None), &got);
            };
            compare("by turns", &case, &by_turns);
            compare("by turns, as another", &Case { authzid: Some("bob"), proxy: Some("bob"), ..case }, &by_turns);
            compare("by turns, beyond ASCII", &beyond_ascii(pairing, case), &by_turns);
            compare("full packets", &case, &|pair| full_packets(pair, pairing));
            match library {
                Party::Gsasl => tally.leave_out("gsasl takes packets one by one, and whole".into()),
                _ => compare("in pieces", &case, &in_pieces),
            }
        }
    }
}

/// The keys are made of the reading of the character set rule that the client took, which is not that of the RFC in gsasl's.
fn beyond_ascii((client, server): Pairing, case: Case) -> Case {
    let user = if client == Party::Ours && server == Party::Gsasl { "tim" } else { "josé" };
    Case { user, tried_user: user, password: "pässwörd", tried_password: "pässwörd", ..case }
}

fn text(length: usize) -> Vec<u8> {
    (b' '..=b'~').cycle().take(length).collect()
}

fn as_sent(sent: &[u8], received: &[u8]) -> Result<(), String> {
    if sent == received { Ok(()) } else { Err(format!("{} octets came as {}", sent.len(), received.len())) }
}

/// Around the lengths where a block cipher pads otherwise.
fn by_turns(mut pair: Pair) -> Result<String, String> {
    for length in (1..20).chain([63, 64, 65, 500]) {
        for way in [Way::ToServer, Way::ToClient, Way::ToClient] {
            let sent = text(length);
            as_sent(&sent, &pair.send(way, &sent)?)?;
        }
    }
    Ok("as sent".into())
}

/// As much as fits, as the sender sees it.
fn full_packets(mut pair: Pair, (client, server): Pairing) -> Result<String, String> {
    let [small, large] = [(client, SMALL), (server, LARGE)].map(|(party, room)| room_of(party, room));
    for (way, room) in [(Way::ToServer, large), (Way::ToClient, small), (Way::ToServer, large)] {
        let (sender, receiver) = pair.turned(way);
        let limit = sender.limit().unwrap_or(room as usize - 29);
        let wire = sender.wrap(&text(limit))?;
        if wire.len() > room as usize + 4 {
            return Err(format!("a packet of {} octets, where {room} are taken", wire.len() - 4));
        }
        as_sent(&text(limit), &receiver.unwrap(&wire)?)?;
    }
    Ok("as sent".into())
}

/// gsasl says nothing, which means 65536.
fn room_of(party: Party, room: u32) -> u32 {
    if party == Party::Gsasl { END.buffer } else { room }
}

/// Several packets in pieces of one length, whatever it is; the last message is longer than a packet.
fn in_pieces(mut pair: Pair) -> Result<String, String> {
    for (size, lengths) in [(1, &[30, 1, 8][..]), (2, &[3, 50]), (3, &[9]), (17, &[30, 5000]), (1000, &[1, 1, 9000])] {
        for way in [Way::ToServer, Way::ToClient] {
            let (sender, receiver) = pair.turned(way);
            let (mut wire, mut received) = (Vec::new(), Vec::new());
            for length in lengths {
                wire.extend(sender.wrap(&text(*length))?);
            }
            for piece in wire.chunks(size) {
                received.extend(receiver.unwrap(piece)?);
            }
            as_sent(&lengths.iter().flat_map(|length| text(*length)).collect::<Vec<_>>(), &received)?;
        }
    }
    Ok("as sent".into())
}

/// Something that happens to the second of three packets on its way. An empty piece is never sent.
type Damage = (&'static str, fn([Vec<u8>; 3]) -> [Vec<u8>; 3]);

const DAMAGES: [Damage; 9] = [
    ("first octet of the message", |packets| flipped(packets, 4)),
    ("last octet of the MAC", |packets| from_the_end(packets, 7)),
    ("version", |packets| from_the_end(packets, 5)),
    ("first octet of the number", |packets| from_the_end(packets, 4)),
    ("last octet of the number", |packets| from_the_end(packets, 1)),
    ("left out", |[first, _, third]| [first, Vec::new(), third]),
    ("twice", |[first, _, third]| [first.clone(), first, third]),
    ("in another order", |[first, second, third]| [first, third, second]),
    ("longer than is taken", |[first, second, third]| [first, [&[0, 1, 0, 0], &second[4..]].concat(), third]),
];

fn flipped([first, mut second, third]: [Vec<u8>; 3], at: usize) -> [Vec<u8>; 3] {
    second[at] ^= 1;
    [first, second, third]
}

fn from_the_end(packets: [Vec<u8>; 3], from_end: usize) -> [Vec<u8>; 3] {
    let at = packets[1].len() - from_end;
    flipped(packets, at)
}

const GOES_ON: &str = "gsasl goes on behind a packet that it refused";

/// Nothing that was changed is taken, and nothing after it.
pub(crate) fn damages(library: Party, tally: &mut Tally) {
    for (bits, name) in STRENGTHS.into_iter().skip(1).filter(|(bits, _)| has(library, *bits)) {
        for (pairing, (what, damage)) in
            pairings(library).into_iter().flat_map(|pairing| DAMAGES.map(|one| (pairing, one)))
        {
            for way in [Way::ToServer, Way::ToClient] {
                let case = case((bits, bits), (bits, bits), [LARGE; 2]);
                let got = Pair::agree(pairing, &case).and_then(|pair| hurt(pair, way, damage));
                let gsasls = [pairing.1, pairing.0][way as usize] == Party::Gsasl;
                let expected = match what {
                    "in another order" if gsasls => (Some("the firstthe second"), Some(GOES_ON)),
                    _ => (Some("the first"), None),
                };
                tally.compare((&format!("{what}, {way:?}"), &format!("{name}, changed"), pairing), expected, &got);
            }
        }
    }
}

/// Tells what came through.
fn hurt(mut pair: Pair, way: Way, damage: fn([Vec<u8>; 3]) -> [Vec<u8>; 3]) -> Result<String, String> {
    let (sender, receiver) = pair.turned(way);
    let packets = [sender.wrap(b"the first")?, sender.wrap(b"the second")?, sender.wrap(b"the third")?];
    let mut received = Vec::new();
    for packet in damage(packets).iter().filter(|packet| !packet.is_empty()) {
        received.extend(receiver.unwrap(packet).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&received).into())
}
