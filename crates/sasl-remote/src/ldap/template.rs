//! Values with tokens (`%u`, `%d`, ...), typed by where they go: into a filter (RFC 4515) or into a DN (RFC 4514).
//!
//! A template is taken apart once; what a token stands for is escaped for its place and never read again.

/// The longest that a template may become, in bytes.
pub(crate) const MAX_EXPANDED: usize = 64 * 1024;

/// A filter with tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FilterTemplate(Template);

/// A DN with tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DnTemplate(Template);

/// What tokens stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Values<'a> {
    /// The login, as it came or combined.
    pub(crate) login: &'a [u8],
    /// The service.
    pub(crate) service: &'a [u8],
    /// The realm, or the default one.
    pub(crate) realm: &'a [u8],
    /// The user's DN, once it is known; empty before.
    pub(crate) dn: &'a [u8],
}

/// Which parts of a login stand alone in a template.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Parts {
    /// What is before the `@`.
    pub(crate) user: bool,
    /// What is behind it, or a label of that.
    pub(crate) domain: bool,
}

/// It would become longer than [`MAX_EXPANDED`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooLong;

#[derive(Clone, Debug, Eq, PartialEq)]
struct Template(Vec<Piece>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Text(Vec<u8>),
    Token(Token),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Token {
    /// `%u`
    Login,
    /// `%U`: up to the first `@`.
    User,
    /// `%d`: behind it, and never the realm.
    Domain,
    /// `%1` to `%9`: a label of the domain, or else of the realm, counted from the right.
    Label(usize),
    /// `%s`
    Service,
    /// `%r`
    Realm,
    /// `%R`: with an `@` before it, unless it is empty.
    AtRealm,
    /// `%D`
    Dn,
}

impl FilterTemplate {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(Template::parse(text))
    }

    /// Whether it is about whoever logs in.
    pub(crate) fn has_login(&self) -> bool {
        self.0.tokens().any(|token| matches!(token, Token::Login | Token::User))
    }

    /// What it has of the login.
    pub(crate) fn parts(&self) -> Parts {
        self.0.parts()
    }

    /// The text of a filter. No value changes its structure.
    pub(crate) fn expand(&self, values: &Values<'_>) -> Result<Vec<u8>, TooLong> {
        self.0.expand(values, |_, value, text| value.iter().for_each(|octet| push_in_filter(*octet, text)))
    }
}

impl DnTemplate {
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(Template::parse(text))
    }

    /// Whether it is the same for everybody.
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.tokens().next().is_none()
    }

    /// What it has of the login.
    pub(crate) fn parts(&self) -> Parts {
        self.0.parts()
    }

    /// The text of a DN. No value changes its structure, but for the user's DN, which is one and comes as it is.
    pub(crate) fn expand(&self, values: &Values<'_>) -> Result<Vec<u8>, TooLong> {
        self.0.expand(values, |token, value, text| match token {
            Token::Dn => text.extend_from_slice(value),
            _ => push_in_dn(value, text),
        })
    }
}

impl Template {
    fn parse(text: &[u8]) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.iter().position(|octet| *octet == b'%') {
            pieces.push(Piece::Text(rest[..at].to_vec()));
            rest = &rest[at + 1..];
            let Some((name, behind)) = rest.split_first() else {
                pieces.push(Piece::Text(b"%".to_vec()));
                break;
            };
            rest = behind;
            pieces.extend(Piece::named(*name));
        }
        pieces.push(Piece::Text(rest.to_vec()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Self(pieces)
    }

    fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Token(token) => Some(*token),
            Piece::Text(_) => None,
        })
    }

    fn parts(&self) -> Parts {
        let has = |is: fn(&Token) -> bool| self.tokens().any(|token| is(&token));
        Parts {
            user: has(|token| matches!(token, Token::User)),
            domain: has(|token| matches!(token, Token::Domain | Token::Label(_))),
        }
    }

    fn expand(&self, values: &Values<'_>, escape: impl Fn(Token, &[u8], &mut Vec<u8>)) -> Result<Vec<u8>, TooLong> {
        let mut text = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(octets) => text.extend_from_slice(octets),
                Piece::Token(Token::AtRealm) if values.realm.is_empty() => {}
                Piece::Token(token) => {
                    text.extend((*token == Token::AtRealm).then_some(b'@'));
                    escape(*token, token.value(values), &mut text);
                }
            }
            if text.len() > MAX_EXPANDED {
                return Err(TooLong);
            }
        }
        Ok(text)
    }
}

impl Piece {
    /// What `%` and this letter stand for; nothing, where nobody knows it.
    fn named(letter: u8) -> Option<Self> {
        Some(Self::Token(match letter {
            b'%' => return Some(Self::Text(b"%".to_vec())),
            b'u' => Token::Login,
            b'U' => Token::User,
            b'd' => Token::Domain,
            b'1'..=b'9' => Token::Label(usize::from(letter - b'0')),
            b's' => Token::Service,
            b'r' => Token::Realm,
            b'R' => Token::AtRealm,
            b'D' => Token::Dn,
            _ => return None,
        }))
    }
}

impl Token {
    fn value<'a>(self, values: &Values<'a>) -> &'a [u8] {
        match self {
            Self::Login => values.login,
            Self::User => halves(values.login).0,
            Self::Domain => halves(values.login).1,
            Self::Label(number) => label(values, number),
            Self::Service => values.service,
            Self::Realm | Self::AtRealm => values.realm,
            Self::Dn => values.dn,
        }
    }
}

/// What is before the first `@`, and what is behind it.
fn halves(login: &[u8]) -> (&[u8], &[u8]) {
    match login.iter().position(|octet| *octet == b'@') {
        Some(at) => (&login[..at], &login[at + 1..]),
        None => (login, b""),
    }
}

fn label<'a>(values: &Values<'a>, number: usize) -> &'a [u8] {
    let domain = match halves(values.login).1 {
        [] => values.realm,
        domain => domain,
    };
    let mut labels = domain.rsplit(|octet| *octet == b'.').filter(|label| !label.is_empty());
    labels.nth(number - 1).unwrap_or_default()
}

fn push_in_filter(octet: u8, text: &mut Vec<u8>) {
    match octet {
        b'*' | b'(' | b')' | b'\\' | 0 => push_hex(octet, text),
        _ => text.push(octet),
    }
}

/// Hex pairs for whatever means something in a DN, wherever it stands, and for what is no character.
fn push_in_dn(value: &[u8], text: &mut Vec<u8>) {
    let last = value.len().wrapping_sub(1);
    let mut at = 0;
    for chunk in value.utf8_chunks() {
        for octet in chunk.valid().bytes() {
            match octet {
                b' ' if at == 0 || at == last => push_hex(octet, text),
                b'#' | b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' | b'=' => push_hex(octet, text),
                0..b' ' | 0x7f => push_hex(octet, text),
                _ => text.push(octet),
            }
            at += 1;
        }
        chunk.invalid().iter().for_each(|octet| push_hex(*octet, text));
        at += chunk.invalid().len();
    }
}

fn push_hex(octet: u8, text: &mut Vec<u8>) {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
    text.extend([b'\\', digit(octet >> 4), digit(octet & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALICE: Values<'_> =
        Values { login: b"alice@mail.domain.dom", service: b"smtp", realm: b"r.org", dn: b"cn=a,o=b" };

    fn filter(template: &str, values: &Values<'_>) -> String {
        String::from_utf8(FilterTemplate::parse(template.as_bytes()).expand(values).unwrap()).unwrap()
    }

    fn dn(template: &str, values: &Values<'_>) -> String {
        String::from_utf8(DnTemplate::parse(template.as_bytes()).expand(values).unwrap()).unwrap()
    }

    #[test]
    fn what_tokens_stand_for() {
        for (template, text) in [
            ("(uid=%u)", "(uid=alice@mail.domain.dom)"),
            ("%U %d", "alice mail.domain.dom"),
            ("%1 %2 %3 %4 %9", "dom domain mail  "),
            ("%s %r %R", "smtp r.org @r.org"),
            ("100%% %", "100% %"),
            ("a%qb%", "ab%"),
            ("%", "%"),
            ("", ""),
        ] {
            assert_eq!(filter(template, &ALICE), text, "{template}");
            assert_eq!(dn(template, &ALICE), text, "{template}");
        }
        assert_eq!(filter("(m=%D)", &Values { dn: b"cn=a (b),o=b", ..ALICE }), "(m=cn=a \\28b\\29,o=b)");
        assert_eq!(dn("ou=x,%D", &Values { dn: b"cn=a\\2Cb,o=b", ..ALICE }), "ou=x,cn=a\\2Cb,o=b");
    }

    #[test]
    fn what_is_missing_is_nothing_and_labels_may_be_the_realms() {
        let plain = Values { login: b"alice", realm: b"domain.dom", ..Values::default() };
        assert_eq!(filter("[%d][%U][%s][%1][%2][%3]", &plain), "[][alice][][dom][domain][]");
        assert_eq!(filter("[%1]", &Values { login: b"alice@", ..plain }), "[dom]");
        assert_eq!(filter("[%r][%R]", &Values::default()), "[][]");
        assert_eq!(filter("[%1][%2][%3]", &Values { login: b"a@q..w", ..plain }), "[w][q][]");
    }

    #[test]
    fn a_value_is_never_read_for_tokens() {
        let login = Values { login: b"%u%u@%s", ..ALICE };
        assert_eq!((filter("%u", &login), dn("%U", &login)), ("%u%u@%s".into(), "%u%u".into()));
    }

    #[test]
    fn no_value_changes_what_surrounds_it() {
        let value = |login| Values { login, ..Values::default() };
        assert_eq!(filter("(uid=%u)", &value(b"x)(uid=*\\\0")), "(uid=x\\29\\28uid=\\2a\\5c\\00)");
        assert_eq!(dn("uid=%u,o=b", &value(b"plain,ou=x")), "uid=plain\\2cou\\3dx,o=b");
        assert_eq!(
            dn("uid=%u,o=b", &value(b" #a b+\"\\<>; \0 ")),
            "uid=\\20\\23a b\\2b\\22\\5c\\3c\\3e\\3b \\00\\20,o=b"
        );
        assert_eq!(dn("uid=%u,o=b", &value("josé".as_bytes())), "uid=josé,o=b");
        assert_eq!(dn("uid=%u,o=b", &value(b"jos\xe9 ")), "uid=jos\\e9\\20,o=b");
    }

    #[test]
    fn what_would_be_too_long_is_not_made() {
        let long = vec![b'*'; MAX_EXPANDED / 3];
        let values = Values { login: &long, ..Values::default() };
        assert!(FilterTemplate::parse(b"%u").expand(&values).is_ok());
        assert_eq!(FilterTemplate::parse("%u%u".repeat(9999).as_bytes()).expand(&values), Err(TooLong));
        assert_eq!(DnTemplate::parse("%u%%".repeat(9999).as_bytes()).expand(&values), Err(TooLong));
    }

    /// What a reader of the RFC makes of a value, up to the first octet that ends it.
    fn unescaped<'a>(text: &'a [u8], ends: &[u8]) -> (Vec<u8>, &'a [u8]) {
        let (mut value, mut rest) = (Vec::new(), text);
        while let Some((octet, behind)) = rest.split_first() {
            match octet {
                b'\\' => {
                    let pair = std::str::from_utf8(&behind[..2]).unwrap();
                    value.push(u8::from_str_radix(pair, 16).unwrap());
                    rest = &behind[2..];
                }
                octet if ends.contains(octet) => break,
                octet => {
                    value.push(*octet);
                    rest = behind;
                }
            }
        }
        (value, rest)
    }

    proptest! {
        #[test]
        fn a_filter_gives_back_what_went_into_it(login in any::<Vec<u8>>()) {
            let values = Values { login: &login, ..Values::default() };
            let text = FilterTemplate::parse(b"(uid=%u)").expand(&values).unwrap();
            prop_assert_eq!(unescaped(&text[5..], b"()*\0"), (login.clone(), &b")"[..]));
        }

        #[test]
        fn a_dn_gives_back_what_went_into_it(login in any::<Vec<u8>>()) {
            let values = Values { login: &login, ..Values::default() };
            let text = DnTemplate::parse(b"uid=%u,o=b").expand(&values).unwrap();
            prop_assert!(std::str::from_utf8(&text).is_ok() && !text[4..].starts_with(b" ") && !text[4..].starts_with(b"#"));
            prop_assert_eq!(unescaped(&text[4..], b",+\"<>;=\0"), (login.clone(), &b",o=b"[..]));
        }

        #[test]
        fn a_template_of_anything_expands(template in any::<Vec<u8>>()) {
            prop_assert!(FilterTemplate::parse(&template).expand(&ALICE).is_ok());
        }
    }
}
