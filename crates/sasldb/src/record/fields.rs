//! Fields: a tag, a length and bytes, one behind the other. No meaning.

/// How much longer a field is than its bytes.
pub(super) const LENGTH: usize = 1 + 4;

/// Appends a field.
pub(super) fn put(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(u32::try_from(bytes.len()).expect("names and verifiers are short").to_be_bytes());
    out.extend(bytes);
}

/// The fields of `rest`, in their order; the last is `None` where they are cut off.
pub(super) fn all(mut rest: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next(rest);
        rest = field.map_or(&[], |(_, _, after)| after);
        Some(field.map(|(tag, bytes, _)| (tag, bytes)))
    })
}

fn next(rest: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([tag, length @ ..], after) = rest.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    after.split_at_checked(length).map(|(bytes, after)| (*tag, bytes, after))
}
