//! The fields of a record.

use super::{Record, Stamp, Status};
use crate::error::Kind;
use sasl_core::{
    identity::{Realm, UserName},
    verifier::{Verifier, Verifiers},
};

/// What a field holds.
mod tag {
    pub(super) const USER: u8 = 1;
    pub(super) const REALM: u8 = 2;
    /// One byte: 1 for a disabled user.
    pub(super) const STATUS: u8 = 3;
    /// Eight bytes: seconds since 1970, most significant first.
    pub(super) const CHANGED: u8 = 4;
    /// The text form of a verifier. May come several times.
    pub(super) const VERIFIER: u8 = 5;
}

pub(super) fn put(record: &Record, value: &mut Vec<u8>) {
    put_field(tag::USER, record.user.as_bytes(), value);
    put_field(tag::REALM, record.realm.as_bytes(), value);
    put_field(tag::STATUS, &[u8::from(record.status == Status::Disabled)], value);
    put_field(tag::CHANGED, &record.changed.to_be_bytes(), value);
    record.verifiers.iter().for_each(|verifier| put_field(tag::VERIFIER, verifier.to_text().expose(), value));
}

fn put_field(tag: u8, bytes: &[u8], value: &mut Vec<u8>) {
    value.push(tag);
    value.extend(u32::try_from(bytes.len()).expect("names and verifiers are short").to_be_bytes());
    value.extend(bytes);
}

pub(super) fn read(mut rest: &[u8], stamp: Stamp) -> Result<Record, Kind> {
    let (mut user, mut realm, mut status, mut changed) = (None, None, None, None);
    let mut verifiers = Vec::new();
    while !rest.is_empty() {
        let (tag, bytes) = next_field(&mut rest)?;
        match tag {
            tag::USER => user = UserName::parse(bytes).ok(),
            tag::REALM => realm = Realm::parse(bytes).ok(),
            tag::STATUS => status = read_status(bytes),
            tag::CHANGED => changed = bytes.try_into().ok().map(u64::from_be_bytes),
            tag::VERIFIER => verifiers.push(Verifier::from_text(bytes).map_err(|_| Kind::Newer)?),
            _ => return Err(Kind::Newer),
        }
    }
    match (user, realm, status, changed) {
        (Some(user), Some(realm), Some(status), Some(changed)) => {
            let verifiers: Verifiers = verifiers.into_iter().collect();
            Ok(Record { user, realm, status, changed, verifiers, stamp })
        }
        _ => Err(Kind::Damaged("record without a field that each has")),
    }
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Kind> {
    let field = rest.split_first_chunk::<5>().and_then(|([tag, length @ ..], after)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        after.split_at_checked(length).map(|(bytes, after)| (*tag, bytes, after))
    });
    let (tag, bytes, after) = field.ok_or(Kind::Damaged("record cut off"))?;
    *rest = after;
    Ok((tag, bytes))
}

fn read_status(bytes: &[u8]) -> Option<Status> {
    match bytes {
        [0] => Some(Status::Enabled),
        [1] => Some(Status::Disabled),
        _ => None,
    }
}
