//! RC4, which continues its key stream from call to call.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key stream. Wiped when dropped; its table lies on the heap, so that no copy stays behind where the stream moves.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Rc4 {
    table: Box<Table>,
    place: Place,
}

/// An octet a word: where octets lie side by side, some processors let each read wait for the writes before it.
pub(super) type Table = [u32; 256];

/// The two indices into the table.
#[derive(Clone, Copy, Default, Zeroize)]
pub(super) struct Place {
    i: u8,
    j: u8,
}

impl Rc4 {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let mut table = Box::new([0; 256]);
        (0..).zip(table.iter_mut()).for_each(|(at, entry)| *entry = at);
        let mut j = 0_u8;
        for (i, key) in key.iter().cycle().take(256).enumerate() {
            j = j.wrapping_add(octet(table[i])).wrapping_add(*key);
            table.swap(i, usize::from(j));
        }
        Self { table, place: Place::default() }
    }

    /// Encrypts or decrypts in place.
    pub(super) fn apply(&mut self, text: &mut [u8]) {
        self.lend(|table, place| text.iter_mut().for_each(|octet| *octet ^= place.next(table)));
    }

    /// Lends table and place to a loop, the place as a local variable: behind a reference, it would be written to
    /// memory for each octet.
    #[inline(always)]
    pub(super) fn lend(&mut self, work: impl FnOnce(&mut Table, &mut Place)) {
        let mut place = self.place;
        work(&mut self.table, &mut place);
        self.place = place;
    }
}

impl Place {
    /// The next octet of the stream.
    #[inline(always)]
    pub(super) fn next(&mut self, table: &mut Table) -> u8 {
        self.i = self.i.wrapping_add(1);
        let a = table[usize::from(self.i)];
        self.j = self.j.wrapping_add(octet(a));
        let b = table[usize::from(self.j)];
        table[usize::from(self.i)] = b;
        table[usize::from(self.j)] = a;
        octet(table[usize::from(octet(a.wrapping_add(b)))])
    }
}

/// Of a word of the table.
#[inline(always)]
fn octet(word: u32) -> u8 {
    word.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// Offset and sixteen octets of the stream, for the key of 128 bits.
    #[test]
    fn example_of_rfc_6229_section_2() {
        let key = hex::decode(b"0102030405060708090a0b0c0d0e0f10").unwrap();
        let mut stream = [0; 4112];
        let (start, rest) = stream.split_at_mut(1000);
        let mut rc4 = Rc4::new(&key);
        rc4.apply(start);
        rc4.apply(rest);
        for (at, expected) in [
            (0, "9ac7cc9a609d1ef7b2932899cde41b97"),
            (16, "5248c4959014126a6e8a84f11d1a9e1c"),
            (1008, "e7a72574f8782ae26aabcf9ebcd66065"),
            (1024, "bdf0324e6083dcc6d3cedd3ca8c53c16"),
            (4096, "a36a4c301ae8ac13610ccbc12256cacc"),
        ] {
            assert_eq!(hex::text(stream[at..at + 16].try_into().unwrap()), expected, "{at}");
        }
    }
}
