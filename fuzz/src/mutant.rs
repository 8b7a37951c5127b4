//! Inputs made of others, the same ones from the same seed.

/// A source of numbers (SplitMix64): fast, and known to the end once its start is.
pub struct Numbers(u64);

/// Octets that mean something somewhere.
const SPECIAL: &[u8] = b"\0\x01\t\n\r \"#%*+,-./0129:;<=>@AZ[\\]_az{|}~\x7f\x80\xc3\xff";

/// No input is made longer than this, but for one in a thousand.
const LONG: usize = 1024;

impl Numbers {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number less than `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).expect("less than a usize")
    }

    fn octet(&mut self) -> u8 {
        match self.below(3) {
            0 => self.next().to_le_bytes()[0],
            _ => SPECIAL[self.below(SPECIAL.len())],
        }
    }

    fn one_of<'a>(&mut self, inputs: &'a [Vec<u8>]) -> &'a [u8] {
        inputs.get(self.below(inputs.len())).map_or(b"", |input| input)
    }

    /// Two places, the first not behind the second.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let (a, b) = (self.below(length + 1), self.below(length + 1));
        let near = a.min(b) + self.below(8);
        let end = if self.below(2) == 0 { near.min(length) } else { a.max(b) };
        (a.min(b), end)
    }
}

/// One of `seeds`, changed in one to four places.
pub fn mutant(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = numbers.one_of(seeds).to_vec();
    for _ in 0..=numbers.below(4) {
        change(&mut input, seeds, numbers);
    }
    match numbers.below(1000) {
        0 => input.repeat(1 + numbers.below(200_000 / (input.len() + 1))),
        _ => {
            input.truncate(LONG);
            input
        }
    }
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], numbers: &mut Numbers) {
    let (start, end) = numbers.range(input.len());
    let with = match numbers.below(8) {
        0 => Vec::new(),
        1 => input[start..end].repeat(2),
        2 | 3 => vec![numbers.octet()],
        4 => [&[numbers.octet()], &input[start..end]].concat(),
        5 => flipped(&input[start..end], numbers),
        6 => {
            let other = numbers.one_of(seeds);
            let (start, end) = numbers.range(other.len());
            other[start..end].to_vec()
        }
        _ => input[start..end].iter().map(|_| numbers.octet()).collect(),
    };
    let end = if with.len() == 1 { end.min(start + 1) } else { end };
    input.splice(start..end, with);
}

fn flipped(octets: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let place = numbers.below(octets.len());
    octets.iter_mut().skip(place).take(1).for_each(|octet| *octet ^= 1 << numbers.below(8));
    octets
}
