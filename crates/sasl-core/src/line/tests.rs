use super::*;
use proptest::prelude::*;

fn decoded(text: &str) -> Vec<u8> {
    decode(text.as_bytes()).unwrap().to_vec()
}

/// The reason in place of the line.
fn reason<T>(outcome: Result<T, Failure>) -> Reason {
    outcome.err().expect("it should be refused").reason()
}

/// What the line is, if it has ended.
fn line(incoming: &Incoming) -> Option<Result<Vec<u8>, Reason>> {
    let line = incoming.line().map(<[u8]>::to_vec).map_err(|failure| failure.reason());
    incoming.has_ended().then_some(line)
}

#[test]
fn the_messages_of_rfc_4954_section_4() {
    assert_eq!(decoded("dGVzdAB0ZXN0ADEyMzQ="), b"test\0test\x001234");
    assert_eq!(decoded("PDQxOTI5NDIzNDEuMTI4Mjg0NzJAc291cmNlZm91ci5hbmRyZXcuY211LmVkdT4=")[..4], *b"<419");
    let line = Outgoing::new("AUTH PLAIN").initial(Some(b"test\0test\x001234"));
    assert_eq!(line.as_bytes(), b"AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=\r\n");
}

#[test]
fn nothing_but_canonical_base64_is_read() {
    for bad in [
        "=", "====", "A", "AA", "AAA", "AA=", "AA==AA==", "AAA=AAAA", "AB==", "AAB=", "AA==\r", "AA== ", " AA==",
        "AA\r\n==", "AA-_", "A\0==", "AÀ==", "*", "AAAA=", "AAAA==", "AA=A", "=AAA",
    ] {
        assert_eq!(reason(decode(bad.as_bytes())), Reason::Malformed, "{bad:?}");
    }
    assert_eq!(
        (decoded(""), decoded("AA=="), decoded("AAA="), decoded("+/+/")),
        (vec![], vec![0], vec![0; 2], vec![0xfb, 0xff, 0xbf])
    );
}

#[test]
fn no_initial_response_is_not_an_empty_one() {
    let initial = |text: Option<&str>| decode_initial(text.map(str::as_bytes)).map(|it| it.map(|it| it.to_vec()));
    assert_eq!(initial(None).unwrap(), None);
    assert_eq!(initial(Some("")).unwrap(), None, "a blank behind the mechanism's name, and nothing more");
    assert_eq!(initial(Some("=")).unwrap(), Some(vec![]));
    assert_eq!(initial(Some("AA==")).unwrap(), Some(vec![0]));
    for bad in ["*", "==", "AA", "AA== "] {
        assert_eq!(reason(initial(Some(bad))), Reason::Malformed, "{bad}");
    }
}

#[test]
fn a_lone_star_cancels() {
    assert_eq!(reason(decode_response(b"*")), Reason::Cancelled);
    assert_eq!(reason(decode_response(b"**")), Reason::Malformed);
    assert_eq!(reason(decode_response(b"* ")), Reason::Malformed);
    assert_eq!(reason(decode_response(b"=")), Reason::Malformed, "only an initial response is written so");
    assert_eq!(decode_response(b"").unwrap().len(), 0);
}

#[test]
fn an_empty_challenge_is_what_comes_before_it() {
    assert_eq!(Outgoing::new("334 ").base64(b"").as_bytes(), b"334 \r\n");
    assert_eq!(Outgoing::new("AUTH PLAIN").initial(Some(b"")).as_bytes(), b"AUTH PLAIN =\r\n");
    assert_eq!(Outgoing::new("").base64(b"").as_bytes(), b"\r\n");
}

#[test]
fn no_text_ends_a_line_early() {
    let line = Outgoing::new("a1\r\nNO").text("\n\r\0\x7f").text(" é\tx");
    assert_eq!(line.as_bytes(), "a1NO éx\r\n".as_bytes());
}

#[test]
fn a_line_ends_with_lf_and_perhaps_cr() {
    for (input, expected, rest) in [
        ("AA==\r\nEHLO", "AA==", "EHLO"),
        ("AA==\nx", "AA==", "x"),
        ("\r\n", "", ""),
        ("\n\n", "", "\n"),
        ("A\rA\r\r\n", "A\rA\r", ""),
    ] {
        let mut incoming = Incoming::new(0);
        let taken = incoming.take(input.as_bytes());
        assert_eq!(line(&incoming), Some(Ok(expected.into())), "{input:?}");
        assert_eq!(&input[taken..], rest);
        assert_eq!(incoming.take(rest.as_bytes()), 0, "it has ended");
        incoming.clear();
        assert_eq!(line(&incoming), None);
        assert_eq!(reason(incoming.line()), Reason::Malformed);
    }
}

#[test]
fn a_line_of_12288_octets_is_taken_and_a_longer_one_is_read_to_its_end() {
    let whole = |longest: usize, octets: usize| {
        let mut incoming = Incoming::new(longest);
        let input = format!("{}\r\nNOOP", "A".repeat(octets - 2));
        assert_eq!(incoming.take(input.as_bytes()), octets);
        line(&incoming).unwrap().map(|line| line.len())
    };
    assert_eq!(whole(MAX_LINE, 12288), Ok(12286));
    assert_eq!(whole(MAX_LINE, 12289), Err(Reason::LineTooLong));
    assert_eq!(whole(512, 12288), Ok(12286), "a lower limit is none");
    assert_eq!(whole(20000, 20000), Ok(19998));
    assert_eq!(whole(20000, 20001), Err(Reason::LineTooLong));
}

#[test]
fn an_endless_line_is_awaited_no_more() {
    let mut incoming = Incoming::new(MAX_LINE);
    let mut taken = 0;
    while line(&incoming).is_none() {
        taken += incoming.take(&[b'A'; 1000]);
    }
    assert!(incoming.is_endless() && (MAX_EXCESS..MAX_LINE + MAX_EXCESS + 2000).contains(&taken), "{taken}");
    assert_eq!(line(&incoming), Some(Err(Reason::LineTooLong)));
    assert_eq!(incoming.take(b"\n"), 0);

    let mut incoming = Incoming::new(MAX_LINE);
    incoming.take(&[b'A'; MAX_LINE + MAX_EXCESS]);
    assert!(incoming.is_endless());
    let mut incoming = Incoming::new(MAX_LINE);
    incoming.take(&[&[b'A'; MAX_LINE + MAX_EXCESS][..], b"\n"].concat());
    assert!(!incoming.is_endless(), "its end has come");
    assert_eq!(line(&incoming), Some(Err(Reason::LineTooLong)));
}

#[test]
fn debug_shows_nothing() {
    let mut incoming = Incoming::new(0);
    incoming.take(b"pencil");
    assert_eq!(format!("{:?} {incoming:?}", Outgoing::new("pencil")), "Outgoing(..) Incoming(..)");
}

proptest! {
    #[test]
    fn what_is_written_is_read(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..1000), 1..4)) {
        for message in messages {
            let sent = Outgoing::new("").base64(&message);
            let mut incoming = Incoming::new(0);
            prop_assert_eq!(incoming.take(sent.as_bytes()), sent.as_bytes().len());
            prop_assert_eq!(decode_response(incoming.line().unwrap()).unwrap().to_vec(), message.clone());
            let initial = Outgoing::new("").initial(Some(&message));
            let text = initial.as_bytes().strip_prefix(b" ").unwrap().strip_suffix(b"\r\n").unwrap();
            prop_assert_eq!(decode_initial(Some(text)).unwrap().map(|it| it.to_vec()), Some(message));
        }
    }

    #[test]
    fn what_is_read_is_canonical(text in "[A-Za-z0-9+/=]{0,12}") {
        if let Ok(message) = decode(text.as_bytes()) {
            let written = Outgoing::new("").base64(&message);
            prop_assert_eq!(written.as_bytes().strip_suffix(b"\r\n").unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn pieces_make_no_difference(input in proptest::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
        let (mut whole, mut pieces) = (Incoming::new(0), Incoming::new(0));
        let taken = whole.take(&input);
        let taken_in_pieces: usize = input.chunks(size).map(|piece| pieces.take(piece)).sum();
        prop_assert_eq!((taken, line(&whole)), (taken_in_pieces, line(&pieces)));
    }

    #[test]
    fn there_is_one_line_end(parts in proptest::collection::vec((any::<String>(), proptest::collection::vec(any::<u8>(), 0..50)), 0..6)) {
        let line = parts.iter().fold(Outgoing::new(""), |line, (text, message)| line.text(text).base64(message));
        let text = line.as_bytes().strip_suffix(b"\r\n").unwrap();
        prop_assert!(!text.iter().any(u8::is_ascii_control));
    }
}
