//! Every case in every pairing of one library: with us on either side, and with itself, which shows that the case is
//! right.

use crate::{
    case::{Case, Kept, Party},
    kept,
    ours::{OurClient, OurServer},
    peer::Peer,
    sides::{Client, Server, converse},
    tally::Tally,
};
use sasl_core::catalogue;

/// Plays `cases` with `library`. With itself, it is given the password alone.
pub(crate) fn play(library: Party, cases: &[Case], tally: &mut Tally) {
    name_unplayed(cases, tally);
    let ways = [Kept::AsVerifiers, Kept::AsPlaintext];
    let with_us =
        [(Party::Ours, library), (library, Party::Ours)].into_iter().flat_map(|two| ways.map(|kept| (two, kept)));
    let plays: Vec<_> = match library {
        Party::Ours => ways.map(|kept| ((library, library), kept)).into(),
        _ => with_us.chain([((library, library), Kept::AsPlaintext)]).collect(),
    };
    for (case, mechanism) in
        cases.iter().flat_map(|case| case.mechanisms.iter().map(move |mechanism| (case, mechanism)))
    {
        for (pairing, kept) in &plays {
            play_one(case, mechanism, *pairing, *kept, tally);
        }
    }
}

/// Of our mechanisms, those that no case is about.
fn name_unplayed(cases: &[Case], tally: &mut Tally) {
    let played = |name: &str| cases.iter().any(|case| case.mechanisms.contains(&name.trim_end_matches("-PLUS")));
    for mechanism in catalogue::ALL.iter().filter(|mechanism| !played(mechanism.name.as_str())) {
        tally.leave_out(format!("neither library has {}", mechanism.name));
    }
}

fn play_one(case: &Case, mechanism: &str, pairing: (Party, Party), kept: Kept, tally: &mut Tally) {
    if let Some(why) = cannot(case, mechanism, pairing, kept) {
        return tally.leave_out(why);
    }
    let (client, server) = pairing;
    let mut client = client_of(client, case, mechanism);
    let got = match server_of(server, case, mechanism, kept) {
        Some(mut server) => outcome(&mut *client, &mut *server),
        None => return tally.leave_out(format!("{server:?} keeps no verifier for {mechanism}")),
    };
    let what = format!("{}, {kept:?}", case.name);
    tally.compare((&what, mechanism, pairing), case.expected(mechanism, pairing, kept), &got);
}

pub(crate) fn client_of(party: Party, case: &Case, mechanism: &str) -> Box<dyn Client> {
    let offered = case.offered(mechanism);
    match party {
        Party::Ours => Box::new(OurClient::new(case, &offered)),
        library => Box::new(Peer::client(library, case, &offered)),
    }
}

/// `None` where the library has no place for what is to be kept.
pub(crate) fn server_of(party: Party, case: &Case, mechanism: &str, kept: Kept) -> Option<Box<dyn Server>> {
    match (party, kept) {
        (Party::Ours, kept) => Some(Box::new(OurServer::new(case, kept::accounts(case, kept)))),
        (library, Kept::AsPlaintext) => Some(Box::new(Peer::server(library, case, None))),
        (library, Kept::AsVerifiers) => {
            let secrets = kept::secrets(library, case, mechanism)?;
            Some(Box::new(Peer::server(library, case, Some(secrets))))
        }
    }
}

/// Who the client became to the server: `user`, or `user as other`.
pub(crate) fn outcome(client: &mut dyn Client, server: &mut dyn Server) -> Result<String, String> {
    converse(client, server)?;
    let [login, acts_as] = server.names()?.map(|name| String::from_utf8_lossy(&name).into_owned());
    Ok(if login == acts_as { login } else { format!("{login} as {acts_as}") })
}

/// What a library has not.
fn cannot(case: &Case, mechanism: &str, (client, server): (Party, Party), kept: Kept) -> Option<String> {
    let has = |party| client == party || server == party;
    let ends = [(client, case.client), (server, case.server)];
    let gsasls = || ends.into_iter().filter(|(party, _)| *party == Party::Gsasl).map(|(_, end)| end);
    let reason = match mechanism {
        name if has(Party::Gsasl) && name.starts_with("SCRAM-SHA-512") => "gsasl has no SCRAM-SHA-512",
        "LOGIN" if case.initial && (client, server) == (Party::Gsasl, Party::Gsasl) => {
            "gsasl's client sends an initial response by LOGIN, which its server ignores"
        }
        "EXTERNAL" | "ANONYMOUS" if kept == Kept::AsVerifiers => "nothing is kept for this mechanism",
        _ if gsasls().any(|end| end.binding.is_some_and(|(kind, _)| kind == "tls-server-end-point")) => {
            "gsasl has no tls-server-end-point"
        }
        _ if gsasls().any(|end| end.must_bind) => "gsasl cannot be told to demand a channel binding",
        _ if client == Party::Libsasl2 && case.client.must_bind && case.client.binding.is_none() => {
            "libsasl2 cannot demand a channel binding that it has not"
        }
        _ if server != Party::Gsasl && case.server.realm == Some("") => "only gsasl's server can offer no realm",
        _ if server != Party::Ours && !case.more_realms.is_empty() => "their servers offer one realm",
        _ => return None,
    };
    Some(reason.to_owned())
}
