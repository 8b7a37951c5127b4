//! A slapd on loopback with a directory of its own, ended with the test.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const SLAPD: &str = "/usr/sbin/slapd";

/// Behind `include` and before the database.
const GLOBAL: &str = "
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload argon2
moduleload pw-sha2
sasl-host 127.0.0.1
sasl-secprops none
authz-regexp uid=([^,]*),cn=[^,]*,cn=auth uid=$1,ou=people,dc=example,dc=org
authz-regexp cn=reader-certificate cn=reader,dc=example,dc=org
";

const DATABASE: &str = r#"
database mdb
maxsize 16777216
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
access to attrs=userPassword by dn.exact="cn=reader,dc=example,dc=org" read by anonymous auth by * none
access to * by * read
"#;

/// The tree without its people.
const TREE: &str = "dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: ex

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=r1,dc=example,dc=org
objectClass: organizationalUnit
ou: r1

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: readerpw

dn: uid=twice,ou=r1,dc=example,dc=org
objectClass: inetOrgPerson
cn: twice
sn: twice
uid: twice
userPassword: secret

dn: cn=mail,dc=example,dc=org
objectClass: groupOfUniqueNames
cn: mail
uniqueMember: uid=plain,ou=people,dc=example,dc=org

dn: cn=imap,dc=example,dc=org
objectClass: groupOfNames
cn: imap
member: uid=ssha,ou=people,dc=example,dc=org
";

/// People, with what is stored of their passwords.
pub(crate) const PEOPLE: [(&str, &[&str]); 14] = [
    ("plain", &["secret"]),
    ("twice", &["secret"]),
    ("nobody", &[]),
    ("several", &["first", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"]),
    ("st*r", &["secret"]),
    ("Lovelace\\2C Ada", &["secret"]),
    ("ssha", &["{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0"]),
    ("ssha256", &["{SSHA256}+E+iFJ27Yu1ODPH1UNKUmzOmUT06dwfghQJRHHnMsO5zYWx0"]),
    (
        "argon2",
        &["{ARGON2}$argon2i$v=19$m=4096,t=3,p=1$469JgBBdHD2UgTnIw2T7jg$KhZbhWaghT2LZmaeAXaTabE3tcU+2YjeGLUkLWuQEYs"],
    ),
    ("pbkdf2", &["{PBKDF2-SHA256}10000$94yT79VyWL.gLGbFTb0gvA$jhLyGOZUef4ncKBa/jpuJ9miCWxhSG1mg2IbIYauNpE"]),
    ("crypt", &["{CRYPT}$6$abcdefgh$hash"]),
    ("crypt without helper", &["{CRYPT}*unknown*"]),
    ("cleartext", &["{CLEARTEXT}secret"]),
    ("long", &[LONG]),
];

/// 200 bytes.
pub(crate) const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                               yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";

pub(crate) struct Slapd {
    scratch: TempDir,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    child: Option<Child>,
}

impl Slapd {
    /// Starts one that asks clients for no certificate.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one with more directives.
    pub(crate) fn start_with(directives: &str) -> Self {
        let scratch = tempfile::Builder::new().prefix("slapd-").tempdir().unwrap();
        certify(scratch.path());
        let mut slapd = Self { scratch, port: free_port(), tls_port: free_port(), child: None };
        slapd.configure(directives);
        slapd.fill();
        slapd.run();
        slapd
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub(crate) fn uri(&self) -> String {
        format!("ldap://127.0.0.1:{}/", self.port)
    }

    /// Ends it; no answer is given any more.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it once more, where it was.
    pub(crate) fn run(&mut self) {
        let uris = format!(
            "ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/ ldapi://{}/",
            self.port,
            self.tls_port,
            self.file("ldapi").display().to_string().replace('/', "%2F")
        );
        let log = fs::File::create(self.file("log")).unwrap();
        let mut command = Command::new(SLAPD);
        command.args(["-d", "0", "-h", &uris, "-f"]).arg(self.file("slapd.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.expect("slapd is installed: tests/setup test"));
        let begin = Instant::now();
        while [self.port, self.tls_port].iter().any(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err()) {
            let log = || fs::read_to_string(self.file("log")).unwrap();
            assert!(begin.elapsed() < Duration::from_secs(20), "slapd does not listen: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it in the middle of whatever it does, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
        // A thread that runs is not stopped at once.
        let begin = Instant::now();
        while signal == Signal::SIGSTOP && !is_stopped(pid) {
            assert!(begin.elapsed() < Duration::from_secs(10), "slapd does not stop");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn configure(&self, directives: &str) {
        fs::create_dir(self.file("data")).unwrap();
        let path = |name| self.file(name).display().to_string();
        let own = format!(
            "pidfile {}\nargsfile {}\nTLSCACertificateFile {}\nTLSCertificateFile {}\nTLSCertificateKeyFile {}\n{directives}\n",
            path("pid"),
            path("args"),
            path("ca.pem"),
            path("server.pem"),
            path("server.key"),
        );
        let directory = format!("directory {}\n", path("data"));
        fs::write(self.file("slapd.conf"), [GLOBAL, &own, DATABASE, &directory].concat()).unwrap();
    }

    fn fill(&self) {
        let mut command = Command::new("/usr/sbin/slapadd");
        command.args(["-q", "-f"]).arg(self.file("slapd.conf")).stdin(Stdio::piped());
        let mut child = command.spawn().expect("slapd is installed: tests/setup test");
        let mut ldif = TREE.to_owned();
        for (name, values) in PEOPLE {
            let plain = name.replace("\\2C", ",");
            let escaped = name.replace('*', "\\2A");
            ldif += &format!("\ndn: uid={escaped},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\n");
            ldif += &format!("cn: {plain}\nsn: {plain}\nuid: {plain}\nmail: {plain}@example.org\n");
            values.iter().for_each(|value| ldif += &format!("userPassword: {value}\n"));
        }
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether every thread of the process is.
fn is_stopped(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut states = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")).unwrap());
    states.all(|state| state.rsplit(')').next().unwrap().trim_start().starts_with('T'))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// An authority, a certificate of slapd's and one of ours; and an authority that certified neither.
fn certify(directory: &Path) {
    let write = |name: &str, text: String| fs::write(directory.join(name), text).unwrap();
    let authority = |name: &str| {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::new([]).unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        write(&format!("{name}.pem"), params.self_signed(&key).unwrap().pem());
        Issuer::new(params, key)
    };
    let (issuer, _) = (authority("ca"), authority("other-ca"));
    for (file, name, host) in [("server", "server", "127.0.0.1"), ("client", "reader-certificate", "client.invalid")] {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::new([host.to_owned()]).unwrap());
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        write(&format!("{file}.pem"), params.signed_by(&key, &issuer).unwrap().pem());
        write(&format!("{file}.key"), key.serialize_pem());
    }
}
