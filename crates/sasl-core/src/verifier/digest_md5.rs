//! What a DIGEST-MD5 server keeps: H(user ":" realm ":" password) (RFC 2831 section 2.1.2.1).
//!
//! The hash holds the spelling of the name and of the realm that the *client* sends, in the character set that
//! the client chose. So a user has several: for each name and realm that will be used, and for each of the
//! three readings of the character set rule that are in the field (they are one for ASCII).

use crate::{
    failure::Failure,
    hex,
    identity::{Login, Realm},
    secret::Secret,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use md5::{Digest, Md5};
use std::{borrow::Cow, fmt, mem, str, sync::Arc};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// H(user ":" realm ":" password), raw. Whoever has it can log in by DIGEST-MD5 as that user in that realm.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Ha1(pub(crate) [u8; 16]);

/// The hashes of one user.
#[derive(Clone)]
pub struct DigestMd5(Arc<[Key]>);

struct Key {
    username: Box<[u8]>,
    realm: Box<[u8]>,
    hashes: Vec<Ha1>,
}

/// What the text form begins with.
const NAME: &str = "{DIGEST-MD5}";

impl Ha1 {
    /// What a user who is not there is checked against: it costs as much. That it fits nobody is for the caller
    /// to see to.
    pub(crate) const fn decoy() -> Self {
        Self([0; 16])
    }
}

impl DigestMd5 {
    /// Derives for the names `user` in the login's realm, and `user@realm` in it and in each of `realms`.
    /// Without a realm of its own, for `user` in each of `realms`. Fast: a thief can try passwords on it.
    #[must_use]
    pub fn derive(login: &Login, realms: &[Realm], password: &[u8]) -> Self {
        let user = login.user().as_bytes();
        let own = login.realm().map(|realm| (user.to_vec(), realm));
        let every = login.realm().into_iter().chain(realms).map(|realm| (login.to_bytes(), realm));
        let mut keys: Vec<Key> =
            own.into_iter().chain(every).map(|(name, realm)| Key::derive(&name, realm.as_bytes(), password)).collect();
        keys.dedup_by(|a, b| a.username == b.username && a.realm == b.realm);
        Self(keys.into())
    }

    /// What `username` in `realm`, both as the client spells them, may have hashed: the readings of the character
    /// set rule. Empty where no key was made for that spelling.
    #[must_use]
    pub fn hashes(&self, username: &[u8], realm: &[u8]) -> &[Ha1] {
        let key = self.0.iter().find(|key| *key.username == *username && *key.realm == *realm);
        key.map_or(&[], |key| &key.hashes)
    }

    /// Whether `password` derives to this.
    #[must_use]
    pub fn check(&self, password: &[u8]) -> bool {
        self.0.first().is_some_and(|key| {
            let other = Key::derive(&key.username, &key.realm, password);
            let fits = |(a, b): (&Ha1, &Ha1)| a.0.ct_eq(&b.0);
            let all = key.hashes.iter().zip(&other.hashes).map(fits).fold(Choice::from(1), |a, b| a & b);
            key.hashes.len() == other.hashes.len() && all.into()
        })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`Reason::Malformed`](crate::failure::Reason::Malformed).
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        let keys = text.strip_prefix(NAME).and_then(|keys| keys.split(';').map(Key::from_text).collect());
        keys.map(Self).ok_or(Failure::malformed("no DIGEST-MD5 keys"))
    }

    /// `{DIGEST-MD5}` and keys, separated by `;`: base64 of the name, `:`, base64 of the realm, `:`, and the
    /// hashes in hexadecimal, separated by `,`.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let mut text = Zeroizing::new(Vec::with_capacity(NAME.len() + self.0.iter().map(Key::room).sum::<usize>()));
        text.extend(NAME.as_bytes());
        for (number, key) in self.0.iter().enumerate() {
            text.extend((number > 0).then_some(b';'));
            key.put(&mut text);
        }
        Secret::new(mem::take(&mut *text))
    }
}

impl Key {
    fn derive(username: &[u8], realm: &[u8], password: &[u8]) -> Self {
        Self { username: username.into(), realm: realm.into(), hashes: readings(username, realm, password) }
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (username, realm, hashes) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            username: BASE64.decode(username).ok()?.into(),
            realm: BASE64.decode(realm).ok()?.into(),
            hashes: hashes.split(',').map(|hex| hex::decode(hex.as_bytes()).map(Ha1)).collect::<Option<_>>()?,
        })
    }

    /// Enough for what [`Self::put`] appends, so that no copy stays behind in a smaller buffer.
    fn room(&self) -> usize {
        2 * (self.username.len() + self.realm.len()) + 12 + 33 * self.hashes.len()
    }

    fn put(&self, text: &mut Vec<u8>) {
        let [username, realm] = [&self.username, &self.realm].map(|name| BASE64.encode(name));
        [username.as_bytes(), b":", realm.as_bytes()].iter().for_each(|part| text.extend(*part));
        for (number, hash) in self.hashes.iter().enumerate() {
            text.push(if number == 0 { b':' } else { b',' });
            text.extend(*Zeroizing::new(hex::encode(hash.0)));
        }
    }
}

/// The hashes that clients in the field may make of one password: every string that fits ISO 8859-1 converted
/// (the RFC, libsasl2), none converted (Dovecot), the password alone converted (gsasl). Equal ones once.
pub(crate) fn readings(username: &[u8], realm: &[u8], password: &[u8]) -> Vec<Ha1> {
    let converted = Zeroizing::new(latin1(password).into_owned());
    let mut all = vec![
        reading_of_the_rfc(username, realm, password),
        hash(username, realm, password),
        hash(username, realm, &converted),
    ];
    all.dedup_by(|a, b| a.0.ct_eq(&b.0).into());
    if all.len() == 3 && all[0].0.ct_eq(&all[2].0).into() {
        all.pop();
    }
    all
}

/// The hash that our own client makes: the rule of the RFC, string by string.
pub(crate) fn reading_of_the_rfc(username: &[u8], realm: &[u8], password: &[u8]) -> Ha1 {
    let converted = Zeroizing::new(latin1(password).into_owned());
    hash(&latin1(username), &latin1(realm), &converted)
}

/// Part by part: no copy of the password stays behind.
fn hash(username: &[u8], realm: &[u8], password: &[u8]) -> Ha1 {
    let hash = Md5::new_with_prefix(username).chain_update(b":").chain_update(realm);
    Ha1(hash.chain_update(b":").chain_update(password).finalize().into())
}

/// UTF-8 to ISO 8859-1 where every character allows it, else the bytes as they are (RFC 2831 section 2.1.2.1).
pub(crate) fn latin1(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut converted = Zeroizing::new(Vec::with_capacity(text.len()));
    for character in str::from_utf8(text).unwrap_or_default().chars() {
        let Ok(octet) = u8::try_from(character) else { return Cow::Borrowed(text) };
        converted.push(octet);
    }
    match converted.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(mem::take(&mut *converted)),
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(..)")
    }
}

impl fmt::Debug for DigestMd5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestMd5(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hashes: &[Ha1]) -> Vec<String> {
        hashes.iter().map(|hash| hex::text(hash.0)).collect()
    }

    #[test]
    fn one_hash_for_ascii_and_one_a_reading_for_the_rest() {
        let ascii = readings(b"chris", b"elwood.innosoft.com", b"secret");
        assert_eq!(hex(&ascii), ["eb5a750053e4d2c34aa84bbc9b0b6ee7"]);
        let latin = readings("josé".as_bytes(), b"mail.example.com", "pässwörd".as_bytes());
        let expected = [
            "ddc715e50cf847c561bf5bece5721d41",
            "3bd5a2bf3a315502d5860d4d9c942201",
            "8ffdf59cc8f6929fbb1369352528702f",
        ];
        assert_eq!(hex(&latin), expected);
        assert_eq!(readings("日本".as_bytes(), b"r", "パス".as_bytes()).len(), 1);
    }

    #[test]
    fn the_text_form_has_room_from_the_start() {
        for (username, realm) in [("", ""), ("a", "b"), ("ab", "c"), ("josé", ""), ("josé", "mail.example.com")] {
            let key = Key::derive(username.as_bytes(), realm.as_bytes(), "pässwörd".as_bytes());
            let mut text = Vec::with_capacity(key.room());
            let room = text.capacity();
            key.put(&mut text);
            assert!(text.len() < room && text.capacity() == room, "{username} {realm}");
        }
    }

    #[test]
    fn keys_for_each_spelling_that_a_client_may_send() {
        let realms = [Realm::parse("mail.example.com").unwrap(), Realm::parse("example.com").unwrap()];
        let keys = DigestMd5::derive(&Login::parse("tim@example.com").unwrap(), &realms, b"pw");
        for (username, realm) in
            [("tim", "example.com"), ("tim@example.com", "example.com"), ("tim@example.com", "mail.example.com")]
        {
            assert_eq!(keys.hashes(username.as_bytes(), realm.as_bytes()).len(), 1, "{username} in {realm}");
        }
        assert!(keys.hashes(b"tim", b"mail.example.com").is_empty(), "tim of that realm is another user");
        assert!(keys.hashes(b"TIM", b"example.com").is_empty());
    }
}
