//! The keys of `saslauthd.conf` that begin with `ldap_`, and what they mean.

use crate::{
    conf::{Conf, ConfError},
    ldap::{
        filter::Filter,
        message::{Dereference, Scope},
        sasl::{Properties, Sasl},
        servers::{Security, Server},
        template::{DnTemplate, FilterTemplate, Values},
    },
    tls::Tls,
};
use sasl_core::{credentials::Credentials, secret::Secret};
use std::time::Duration;

/// Every key there is.
pub(crate) const KEYS: [&str; 42] = [
    "ldap_servers",
    "ldap_version",
    "ldap_bind_dn",
    "ldap_bind_pw",
    "ldap_password",
    "ldap_search_base",
    "ldap_filter",
    "ldap_scope",
    "ldap_deref",
    "ldap_referrals",
    "ldap_restart",
    "ldap_timeout",
    "ldap_time_limit",
    "ldap_size_limit",
    "ldap_auth_method",
    "ldap_password_attr",
    "ldap_default_realm",
    "ldap_default_domain",
    "ldap_group_dn",
    "ldap_group_attr",
    "ldap_group_filter",
    "ldap_group_search_base",
    "ldap_group_scope",
    "ldap_group_match_method",
    "ldap_use_sasl",
    "ldap_mech",
    "ldap_sasl_mech",
    "ldap_id",
    "ldap_sasl_authc_id",
    "ldap_authz_id",
    "ldap_sasl_authz_id",
    "ldap_realm",
    "ldap_sasl_realm",
    "ldap_sasl_secprops",
    "ldap_start_tls",
    "ldap_tls_check_peer",
    "ldap_tls_cacert_file",
    "ldap_tls_cacert_dir",
    "ldap_tls_cert",
    "ldap_tls_key",
    "ldap_tls_ciphers",
    "ldap_debug",
];

/// The longest time that a step may take.
const LONGEST: u64 = 3600;

/// What a file says.
pub(crate) struct Settings {
    pub(crate) servers: Vec<Server>,
    pub(crate) tls: Option<Tls>,
    /// How long each step may take.
    pub(crate) timeout: Duration,
    pub(crate) users: Place,
    pub(crate) dereference: Dereference,
    /// Entries and seconds, for the server.
    pub(crate) limits: (u32, u32),
    pub(crate) method: Method,
    /// As whom to search.
    pub(crate) searcher: Searcher,
    /// How users bind, where not by their DN.
    pub(crate) sasl: Option<Sasl>,
    /// In which realm they do, where a mechanism asks.
    pub(crate) sasl_realm: Option<Vec<u8>>,
    pub(crate) default_realm: Vec<u8>,
    /// Whether somebody expects what is elsewhere to be found.
    pub(crate) follows_referrals: bool,
    pub(crate) group: Option<Group>,
}

/// Where to look.
pub(crate) struct Place {
    pub(crate) base: DnTemplate,
    pub(crate) filter: FilterTemplate,
    pub(crate) scope: Scope,
}

/// How a password is checked.
pub(crate) enum Method {
    /// Find the user, and bind with their DN.
    Bind,
    /// Find the user, and compare with what is in this attribute.
    Custom { attribute: Vec<u8> },
    /// Bind at once, with this DN; or by SASL.
    Fastbind { dn: DnTemplate },
}

/// As whom to search.
pub(crate) enum Searcher {
    Nobody,
    Simple { dn: Vec<u8>, password: Secret },
    Sasl(Sasl, Credentials),
}

/// Who may log in.
pub(crate) enum Group {
    /// Whose DN is a value of this attribute.
    Attribute { dn: DnTemplate, attribute: Vec<u8> },
    /// For whom something is found here.
    Filter(Place),
}

impl Settings {
    /// Reads a file.
    pub(crate) fn read(conf: &Conf) -> Result<Self, ConfError> {
        let servers = servers(conf)?;
        let tls = servers.iter().any(Server::needs_tls).then(|| Tls::from_conf(conf, "ldap")).transpose()?;
        let sasl = sasl(conf)?;
        let method = method(conf, sasl.as_ref())?;
        let sasl_realm = either(conf, ["ldap_realm", "ldap_sasl_realm"]);
        Ok(Self {
            servers,
            tls,
            timeout: timeout(conf)?,
            users: users(conf, &method)?,
            dereference: dereference(conf)?,
            // Two are one too many: nobody need send more.
            limits: (if number(conf, "ldap_size_limit", 1)? == 1 { 1 } else { 2 }, number(conf, "ldap_time_limit", 5)?),
            searcher: searcher(conf, sasl.as_ref())?,
            method,
            sasl,
            sasl_realm: sasl_realm.map(<[u8]>::to_vec),
            default_realm: either(conf, ["ldap_default_realm", "ldap_default_domain"]).unwrap_or_default().to_vec(),
            follows_referrals: conf.switch("ldap_referrals")?.unwrap_or_default(),
            group: group(conf)?,
        })
    }
}

/// What a file asks for that is not done, or that is not known.
pub(crate) fn warnings(conf: &Conf) -> Result<Vec<ConfError>, ConfError> {
    let mut warnings: Vec<_> = conf.warnings("ldap_", &KEYS).collect();
    let mut warn = |key, when: bool, what: &'static str| warnings.extend(when.then(|| conf.error(key, what)));
    let is_set = |key| conf.value(key).is_some();
    let has_group = is_set("ldap_group_dn") || is_set("ldap_group_filter");
    warn("ldap_version", conf.number("ldap_version")? == Some(2), "version 3 is spoken nevertheless");
    warn("ldap_referrals", conf.switch("ldap_referrals")? == Some(true), "referrals are not followed");
    warn("ldap_tls_check_peer", conf.switch("ldap_tls_check_peer")? == Some(false), "anybody may be the server");
    warn("ldap_tls_ciphers", is_set("ldap_tls_ciphers"), "has no effect: all ciphers that are spoken are good ones");
    let filter = FilterTemplate::parse(conf.value("ldap_filter").unwrap_or(DEFAULT_FILTER));
    warn("ldap_filter", !filter.has_login(), "has no %u and no %U: it finds the same for everybody");
    warn("ldap_debug", conf.number("ldap_debug")?.is_some_and(|level| level > 0), "has no effect");
    warn("ldap_group_match_method", is_set("ldap_group_match_method") && !has_group, "has no effect without a group");
    conf.switch("ldap_restart")?;
    if !servers(conf)?.iter().any(Server::needs_tls) {
        let idle = KEYS.iter().filter(|key| key.starts_with("ldap_tls_") && is_set(key));
        warnings.extend(idle.map(|key| conf.error(key, "has no effect without ldaps:// or ldap_start_tls: yes")));
    }
    Ok(warnings)
}

fn servers(conf: &Conf) -> Result<Vec<Server>, ConfError> {
    let plain = match conf.switch("ldap_start_tls")? {
        Some(true) => Security::StartTls,
        Some(false) | None => Security::None,
    };
    let uris = conf.text("ldap_servers")?.unwrap_or("ldap://localhost/").split_ascii_whitespace();
    uris.map(|uri| Server::parse(uri, plain).map_err(|what| conf.error("ldap_servers", what))).collect()
}

fn timeout(conf: &Conf) -> Result<Duration, ConfError> {
    match conf.number("ldap_timeout")?.unwrap_or(5) {
        seconds @ 1..=LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(conf.error("ldap_timeout", "must be from 1 to 3600 seconds")),
    }
}

fn number(conf: &Conf, key: &str, default: u32) -> Result<u32, ConfError> {
    let number = conf.number(key)?.map_or(Ok(default), u32::try_from).ok().filter(|number| *number < 1 << 31);
    number.ok_or_else(|| conf.error(key, "must be less than 2147483648"))
}

fn method(conf: &Conf, sasl: Option<&Sasl>) -> Result<Method, ConfError> {
    let template = conf.value("ldap_filter").unwrap_or(DEFAULT_FILTER);
    let attribute = attribute(conf, "ldap_password_attr", "userPassword")?;
    let fastbind = || Method::Fastbind { dn: DnTemplate::parse(template) };
    match word(conf, "ldap_auth_method", "bind", &["bind", "custom", "fastbind"])? {
        "custom" => Ok(Method::Custom { attribute }),
        "fastbind" if sasl.is_none() && conf.value("ldap_filter").is_none() => {
            Err(conf.error("ldap_filter", "is needed with ldap_auth_method: fastbind, as the users' DN"))
        }
        "fastbind" => Ok(fastbind()),
        // As whom a user binds by SASL, the server knows.
        _ if sasl.is_some() => Ok(fastbind()),
        _ => Ok(Method::Bind),
    }
}

const DEFAULT_FILTER: &[u8] = b"(uid=%u)";

fn users(conf: &Conf, method: &Method) -> Result<Place, ConfError> {
    let filter = match method {
        Method::Bind | Method::Custom { .. } => filter(conf, "ldap_filter", DEFAULT_FILTER)?,
        Method::Fastbind { .. } => FilterTemplate::parse(DEFAULT_FILTER),
    };
    let base = DnTemplate::parse(conf.value("ldap_search_base").unwrap_or_default());
    Ok(Place { base, filter, scope: scope(conf, "ldap_scope")? })
}

/// A filter that is none whatever the user is called is refused before there is one.
fn filter(conf: &Conf, key: &str, default: &[u8]) -> Result<FilterTemplate, ConfError> {
    let template = FilterTemplate::parse(conf.value(key).unwrap_or(default));
    let example = Values { login: b"u@d.e", service: b"s", realm: b"r.s", dn: b"o=d" };
    let is_filter = template.expand(&example).is_ok_and(|text| Filter::parse(&text).is_ok());
    is_filter.then_some(template).ok_or_else(|| conf.error(key, "is no filter"))
}

fn scope(conf: &Conf, key: &str) -> Result<Scope, ConfError> {
    Ok(match word(conf, key, "sub", &["sub", "one", "base"])? {
        "one" => Scope::One,
        "base" => Scope::Base,
        _ => Scope::Sub,
    })
}

fn dereference(conf: &Conf) -> Result<Dereference, ConfError> {
    Ok(match word(conf, "ldap_deref", "never", &["search", "find", "always", "never"])? {
        "search" => Dereference::Searching,
        "find" => Dereference::Finding,
        "always" => Dereference::Always,
        _ => Dereference::Never,
    })
}

fn group(conf: &Conf) -> Result<Option<Group>, ConfError> {
    let (dn, has_filter) = (conf.value("ldap_group_dn"), conf.value("ldap_group_filter").is_some());
    let by_filter = word(conf, "ldap_group_match_method", "attr", &["attr", "filter"])? == "filter";
    let scope = scope(conf, "ldap_group_scope")?;
    let attribute = attribute(conf, "ldap_group_attr", "uniqueMember")?;
    match dn {
        None if !has_filter => Ok(None),
        _ if by_filter && !has_filter => Err(conf.error("ldap_group_match_method", "needs ldap_group_filter")),
        None if !by_filter => Err(conf.error("ldap_group_filter", "needs ldap_group_match_method: filter")),
        Some(dn) if !by_filter => Ok(Some(Group::Attribute { dn: DnTemplate::parse(dn), attribute })),
        _ => {
            let base = conf.value("ldap_group_search_base").or(conf.value("ldap_search_base")).unwrap_or_default();
            let filter = filter(conf, "ldap_group_filter", b"")?;
            Ok(Some(Group::Filter(Place { base: DnTemplate::parse(base), filter, scope })))
        }
    }
}

/// The name of one attribute.
fn attribute(conf: &Conf, key: &str, default: &str) -> Result<Vec<u8>, ConfError> {
    let name = conf.value(key).unwrap_or(default.as_bytes()).trim_ascii();
    let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b';' | b'_');
    name.iter().all(fits).then(|| name.to_vec()).ok_or_else(|| conf.error(key, "must be the name of one attribute"))
}

fn sasl(conf: &Conf) -> Result<Option<Sasl>, ConfError> {
    let key = last(conf, ["ldap_mech", "ldap_sasl_mech"]);
    let mechanism = conf.text(key)?.map(|name| name.trim().to_owned());
    let properties = conf.text("ldap_sasl_secprops")?.map(Properties::parse).transpose();
    let properties = properties.map_err(|what| conf.error("ldap_sasl_secprops", what))?.unwrap_or_default();
    if conf.switch("ldap_use_sasl")? != Some(true) {
        return Ok(None);
    }
    match &mechanism {
        Some(name) if !Sasl::knows(name) => Err(conf.error(key, format!("must be one of: {}", Sasl::names()))),
        Some(name)
            if !is_of_password(name) && conf.value("ldap_auth_method").map(<[u8]>::trim_ascii) != Some(b"custom") =>
        {
            Err(conf.error(key, "would let everybody in: it asks for no password of theirs"))
        }
        _ => Ok(Some(Sasl { mechanism, properties })),
    }
}

fn is_of_password(mechanism: &str) -> bool {
    !["EXTERNAL", "ANONYMOUS"].iter().any(|other| other.eq_ignore_ascii_case(mechanism))
}

fn searcher(conf: &Conf, sasl: Option<&Sasl>) -> Result<Searcher, ConfError> {
    let password = either(conf, ["ldap_bind_pw", "ldap_password"]);
    if let Some(sasl) = sasl {
        return Ok(Searcher::Sasl(sasl.clone(), credentials(conf, password)));
    }
    match (conf.value("ldap_bind_dn"), password) {
        (None, _) => Ok(Searcher::Nobody),
        (Some(dn), Some(password)) => Ok(Searcher::Simple { dn: dn.to_vec(), password: Secret::new(password) }),
        (Some(_), None) => Err(conf.error("ldap_bind_dn", "needs ldap_bind_pw: without a password it would be nobody")),
    }
}

/// With what we bind ourselves by SASL.
fn credentials(conf: &Conf, password: Option<&[u8]>) -> Credentials {
    let own = match (either(conf, ["ldap_id", "ldap_sasl_authc_id"]), password) {
        (Some(id), Some(password)) => Credentials::new(id, Secret::new(password)).or_external(),
        _ => Credentials::external(),
    };
    let own = either(conf, ["ldap_authz_id", "ldap_sasl_authz_id"]).into_iter().fold(own, Credentials::acting_as);
    either(conf, ["ldap_realm", "ldap_sasl_realm"]).into_iter().fold(own, Credentials::in_realm)
}

/// The value of a key that has two names.
fn either<'a>(conf: &'a Conf, names: [&'static str; 2]) -> Option<&'a [u8]> {
    conf.value(last(conf, names))
}

/// That of the two names of a key which the file has, the latter one where it has both.
fn last(conf: &Conf, names: [&'static str; 2]) -> &'static str {
    conf.last_of(names).unwrap_or(names[0])
}

/// One of a few words. White space behind it does not count.
fn word<'a>(conf: &'a Conf, key: &str, default: &'a str, words: &[&str]) -> Result<&'a str, ConfError> {
    let word = conf.text(key)?.map_or(default, str::trim_end);
    match words.contains(&word) {
        true => Ok(word),
        false => Err(conf.error(key, format!("must be one of: {}", words.join(" ")))),
    }
}
