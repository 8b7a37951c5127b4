//! By which function a certificate hashes itself (RFC 5929 section 4.1), read from its DER (RFC 5280 section 4.1).

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// The hash of the certificate by the function of its signature; `None` where there is not one such function.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Clone, Copy)]
enum Hash {
    Sha224,
    /// Also in place of MD5 and SHA-1.
    Sha256,
    Sha384,
    Sha512,
}

/// The tags of DER that lead to the hash function.
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const PARAMETER_0: u8 = 0xa0;

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`.
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let (body, _) = element(SEQUENCE, certificate)?;
    let (_, rest) = element(SEQUENCE, body)?;
    let (algorithm, _) = element(SEQUENCE, rest)?;
    let (identifier, parameters) = element(OBJECT_IDENTIFIER, algorithm)?;
    match identifier {
        RSA_PSS => hash_of_pss(parameters),
        _ => HASHES.iter().find(|(known, _)| *known == identifier).map(|(_, hash)| *hash),
    }
}

/// `RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, .. }` (RFC 4055 section 3.1).
fn hash_of_pss(parameters: &[u8]) -> Option<Hash> {
    let (parameters, _) = element(SEQUENCE, parameters)?;
    let Some((algorithm, _)) = element(PARAMETER_0, parameters) else { return Some(Hash::Sha256) };
    let (algorithm, _) = element(SEQUENCE, algorithm)?;
    let (identifier, _) = element(OBJECT_IDENTIFIER, algorithm)?;
    HASHES.iter().find(|(known, _)| *known == identifier).map(|(_, hash)| *hash)
}

/// What an element of that tag holds, and what is behind it. Lengths of up to four bytes.
fn element(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = input else { return None };
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| *first == tag)
}

/// 1.2.840.113549.1.1.10.
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// Signature algorithms, and the hash functions that RSASSA-PSS names.
const HASHES: &[(&[u8], Hash)] = &[
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", Hash::Sha256), // md5WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", Hash::Sha256), // sha1WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", Hash::Sha256), // sha256WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", Hash::Sha384), // sha384WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", Hash::Sha512), // sha512WithRSAEncryption
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e", Hash::Sha224), // sha224WithRSAEncryption
    (b"\x2a\x86\x48\xce\x3d\x04\x01", Hash::Sha256),         // ecdsa-with-SHA1
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x01", Hash::Sha224),     // ecdsa-with-SHA224
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", Hash::Sha256),     // ecdsa-with-SHA256
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", Hash::Sha384),     // ecdsa-with-SHA384
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", Hash::Sha512),     // ecdsa-with-SHA512
    (b"\x2a\x86\x48\xce\x38\x04\x03", Hash::Sha256),         // id-dsa-with-sha1
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x01", Hash::Sha224), // id-dsa-with-sha224
    (b"\x60\x86\x48\x01\x65\x03\x04\x03\x02", Hash::Sha256), // id-dsa-with-sha256
    (b"\x2b\x0e\x03\x02\x1a", Hash::Sha256),                 // id-sha1
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", Hash::Sha256), // id-sha256
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", Hash::Sha384), // id-sha384
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", Hash::Sha512), // id-sha512
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x04", Hash::Sha224), // id-sha224
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of nothing but a signature algorithm.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let wrap = |tag, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        wrap(SEQUENCE, &[wrap(SEQUENCE, b""), wrap(SEQUENCE, algorithm)].concat())
    }

    #[test]
    fn a_signature_without_one_hash_function_has_no_end_point() {
        let ed25519 = b"\x06\x03\x2b\x65\x70";
        let sha1_with_rsa = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00";
        let pss_of_sha1 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x00";
        assert!(end_point(&certificate(ed25519)).is_none());
        assert_eq!(end_point(&certificate(sha1_with_rsa)).unwrap().len(), 32);
        assert_eq!(end_point(&certificate(pss_of_sha1)).unwrap().len(), 32);
    }

    #[test]
    fn what_is_no_certificate() {
        let whole = certificate(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
        assert!((0..whole.len()).all(|end| end_point(&whole[..end]).is_none()));
        assert!(end_point(b"\x30\x85\0\0\0\0\x01\0").is_none() && end_point(b"\x30\x84\xff\xff\xff\xff").is_none());
    }
}
