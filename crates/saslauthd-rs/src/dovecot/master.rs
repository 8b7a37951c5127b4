//! A connection of a process that is trusted: it asks who has come in, and for what it takes to serve them.

use super::{
    hall::{Hall, Hours},
    logins::Ticket,
};
use nix::unistd::getpid;
use sasl_wire::{
    dovecot::{
        line::{MAX_LINE, split_line},
        master::{Answer, Query, VERSION},
    },
    frame::Decoded,
};
use std::{io, os::unix::net};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// Serves it to its end, with one question after the other.
pub(super) async fn attend(hall: &Hall, stream: net::UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let (mut said, mut lines) = (Vec::new(), Vec::with_capacity(MAX_LINE));
    let pid = Answer::Pid(getpid().as_raw().unsigned_abs());
    [Answer::Version(VERSION), pid].iter().for_each(|answer| answer.encode(&mut said));
    loop {
        stream.write_all(&said).await?;
        said.clear();
        tokio::select! {
            read = stream.read_buf(&mut lines) => if read? == 0 { return Ok(()) },
            () = hall.after(Hours::Open) => return Ok(()),
        }
        while let Decoded::Complete([line, rest]) = split_line(&lines).map_err(|_| io::ErrorKind::InvalidData)? {
            let query = Query::decode(line).map_err(|_| io::ErrorKind::InvalidData)?;
            answer(hall, &query)?.iter().for_each(|answer| answer.encode(&mut said));
            let taken = lines.len() - rest.len();
            lines.drain(..taken);
        }
    }
}

/// What one is answered, if anything.
fn answer<'a>(hall: &'a Hall, query: &Query<'_>) -> io::Result<Option<Answer<'a>>> {
    let user = |id, user: Vec<u8>| Answer::User { id, user: user.into(), fields: hall.userdb() };
    Ok(Some(match query {
        Query::Version([major, _]) if *major != VERSION[0] => return Err(io::ErrorKind::InvalidData.into()),
        Query::Login { id, pid, exchange, cookie } => {
            match ticket(*pid, *exchange, cookie).and_then(|it| hall.claim(&it)) {
                Some(name) => user(*id, name),
                None => Answer::Fail(*id),
            }
        }
        Query::User { id, user: name } => match hall.exchanges.find(name) {
            Ok(Some(name)) => user(*id, name),
            Ok(None) => Answer::NotFound(*id),
            Err(_) => Answer::Fail(*id),
        },
        // Nobody gets what is kept of a password, nor a list of all that there are.
        Query::Unsupported(id) => Answer::Fail(*id),
        Query::Version(_) | Query::Other => return Ok(None),
    }))
}

fn ticket(pid: u32, exchange: u32, cookie: &[u8]) -> Option<Ticket> {
    let cookie = str::from_utf8(cookie).ok().filter(|digits| digits.len() == 32)?;
    Some(Ticket { pid, exchange, cookie: u128::from_str_radix(cookie, 16).ok()? })
}
