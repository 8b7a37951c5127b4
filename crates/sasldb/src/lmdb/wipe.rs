//! Wiping what was removed.
//!
//! LMDB never writes over a page that the last snapshot has: it writes a new one, and the old one stays in the file,
//! with all that was on it, until it is used again. A record can be told by its stamp, which no other ever has: so
//! wherever a stamp that is no longer in use is found, the record behind it is written over with zeros.
//!
//! A reader that began before the change may find zeros in the place of that one record. Its checksum tells, and the
//! record is read again in a later snapshot.

use crate::record::{Stamp, VERSION};
use std::{collections::HashMap, fs::File, io, os::unix::fs::FileExt};

/// The records to wipe: their stamps, and how long they were.
pub(super) type Removed = HashMap<[u8; STAMP], usize>;

const STAMP: usize = 16;

/// How much of the file is read at once.
const CHUNK: usize = 1024 * 1024;

/// Notes an encoded record that is going to be replaced or removed.
pub(super) fn note(removed: &mut Removed, value: &[u8]) {
    if let Ok(stamp) = Stamp::of(value) {
        removed.insert(*stamp.as_bytes(), value.len());
    }
}

/// Wipes every copy of the removed records out of a file of such pages, and waits for the disk. The caller holds
/// LMDB's writer lock, and the last snapshot has none of them.
pub(super) fn wipe(file: &File, page_size: u64, removed: &Removed) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK + STAMP];
    let (mut start, mut wiped) = (0, false);
    loop {
        let length = read_full(file, &mut chunk, start)?;
        for (at, record) in found(&chunk[..length], removed) {
            let at = start + at as u64;
            let end = end_of_room(file, page_size, at)?.min(at + record as u64);
            file.write_all_at(&vec![0; usize::try_from(end - at).unwrap_or(0)], at)?;
            wiped = true;
        }
        if length < chunk.len() {
            break;
        }
        start += CHUNK as u64;
    }
    if wiped { file.sync_data() } else { Ok(()) }
}

/// Where a removed record begins, and how long it is.
fn found<'a>(chunk: &'a [u8], removed: &'a Removed) -> impl Iterator<Item = (usize, usize)> + 'a {
    chunk.windows(1 + STAMP).enumerate().filter(|(_, window)| window[0] == VERSION).filter_map(|(at, window)| {
        let stamp: &[u8; STAMP] = window[1..].try_into().ok()?;
        removed.get(stamp).map(|record| (at, *record))
    })
}

/// Where that ends in which a record may lie, one that begins at `at`. In the gap of a page, where LMDB leaves what was
/// in its buffer before, something else may follow behind the gap.
fn end_of_room(file: &File, page_size: u64, at: u64) -> io::Result<u64> {
    let page = at - at % page_size;
    let mut header = [0; PAGE_HEADER];
    file.read_exact_at(&mut header, page)?;
    let half = |at: usize| u64::from(u16::from_ne_bytes([header[at], header[at + 1]]));
    let (flags, lower, upper) = (half(10), half(12), half(14));
    Ok(match at - page {
        _ if flags & P_OVERFLOW != 0 => page + page_size * (lower | upper << 16).max(1),
        offset if (lower..upper).contains(&offset) => page + upper,
        _ => page + page_size,
    })
}

/// The header of a page; the flag of those that hold one large value, and how many there are of them, where the
/// bounds of the gap are in others.
const PAGE_HEADER: usize = 16;
const P_OVERFLOW: u64 = 0x04;

fn read_full(file: &File, buffer: &mut [u8], start: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], start + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn open(path: &std::path::Path) -> File {
        File::options().read(true).write(true).open(path).unwrap()
    }

    /// A page with a gap, as LMDB has them.
    fn page(flags: u16, lower: u16, upper: u16) -> Vec<u8> {
        let mut page = vec![0x5a; PAGE];
        page[10..12].copy_from_slice(&flags.to_ne_bytes());
        page[12..14].copy_from_slice(&lower.to_ne_bytes());
        page[14..16].copy_from_slice(&upper.to_ne_bytes());
        page
    }

    #[test]
    fn copies_are_found_wherever_they_lie_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let record: Vec<u8> = [VERSION].into_iter().chain((0..99).map(|octet| octet ^ 0x5a)).collect();
        let mut bytes = page(2, 100, 3000).repeat(3 * CHUNK / PAGE);
        let places = [3500, CHUNK - 100, CHUNK + 3900, 2 * CHUNK - 4096 + 200, 3 * CHUNK - 100];
        places.iter().for_each(|at| bytes[*at..*at + 100].copy_from_slice(&record));
        std::fs::write(&path, &bytes).unwrap();
        let mut removed = Removed::new();
        note(&mut removed, &record);
        wipe(&open(&path), PAGE as u64, &removed).unwrap();
        places.iter().for_each(|at| bytes[*at..*at + 100].fill(0));
        assert!(std::fs::read(&path).unwrap() == bytes);
    }

    #[test]
    fn what_follows_a_gap_is_left_alone_and_a_large_record_is_wiped_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let record: Vec<u8> =
            [VERSION].into_iter().chain((0..6000_u32).map(|number| number.to_le_bytes()[0])).collect();
        let mut bytes = [page(2, 100, 3000), page(4, 2, 0), page(0, 0, 0)].concat();
        bytes[2950..3000].copy_from_slice(&record[..50]);
        bytes[PAGE + 16..PAGE + 16 + record.len()].copy_from_slice(&record);
        std::fs::write(&path, &bytes).unwrap();
        let mut removed = Removed::new();
        note(&mut removed, &record);
        wipe(&open(&path), PAGE as u64, &removed).unwrap();
        bytes[2950..3000].fill(0);
        bytes[PAGE + 16..PAGE + 16 + record.len()].fill(0);
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
}
