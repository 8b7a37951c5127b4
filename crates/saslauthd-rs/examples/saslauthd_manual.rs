//! Writes the man pages and the completions of both programs, and the pages of saslauthd's commands: `saslauthd_manual DIRECTORY`.

#[path = "../../manual.rs"]
mod manual;

use manual::{Sections, write, write_page};
use saslauthd_rs::{cli, testsaslauthd};
use std::{env, error, path::Path};

const SASLAUTHD: Sections = &[
    (
        "MECHANISMS",
        &[
            ("sasldb", "The database of saslpasswd2(8)."),
            ("pam", "PAM, by the service that the client names, in helper processes."),
            ("shadow, getpwent", "The user's hash in the shadow file, in the passwd file, in helper processes."),
            ("ldap", "A directory, as -O FILE says; the file is saslauthd.conf of the original."),
            ("rimap", "An IMAP server: -O HOST, HOST/PORT, imaps://HOST or imap+starttls://HOST."),
            ("httpform", "A form on a web server, as -O FILE says."),
            (
                "several",
                "-a sasldb,ldap asks one after the other. The first that knows the user decides; where one cannot be asked, \
                 nobody is let in by those behind it.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            ("TERM, INT", "Takes nobody new, answers who has asked, removes its files and ends."),
            (
                "HUP",
                "Reads saslauthd.toml, saslauthd.conf and its certificates again, and this host's name; opens log and database \
                 anew. Connections stay, and requests in flight are answered as they would have been. Passwords that were \
                 remembered are checked once more. Where a file is bad, all stays as it was, and the log says why. The socket's \
                 mode and group, whom the daemon runs as, and metrics.listen count from the next start on.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/saslauthd.toml",
                "Limits, throttling, metrics and whom it runs as, where flags do not say otherwise; --config names another. It \
                 need not be there. saslauthd.toml.example in the directory of documentation has every key with its default.",
            ),
            ("/etc/saslauthd.conf", "Keys of ldap and httpform, unless -O names another file."),
            ("/etc/sasldb2", "The database. /etc/sasldb2-lock beside it is where its readers and writers meet."),
            ("/var/run/saslauthd/mux", "The socket."),
            ("/var/run/saslauthd/control", "For root, and whom the daemon was started as: status, check, and metrics."),
            ("/var/run/saslauthd/saslauthd.pid", "The process; locked for as long as it runs."),
        ],
    ),
    (
        "LOG",
        &[
            (
                "syslog",
                "One line a decision, facility auth, through /dev/log. With -d to standard error too. With -f under systemd \
                 to standard error alone, which is the journal. Beyond 1,000 at once and 200 a second, successes, refusals \
                 and attempts that were not looked at are counted, each apart, and not written.",
            ),
            (
                "a decision",
                "auth success: or auth failure:, and then fields in brackets, in this order: user, service, realm, mech (the \
                 back end that decided), reason, pid and uid of the process that asked, client (address;port, where it was \
                 sent), class, ms, throttled. Peers' control characters, backslashes and brackets are escaped; what is too \
                 long ends in three dots.",
            ),
            (
                "class",
                "What the reason comes to: ok; credentials (wrong password, or a user who may not log in); unknown (no such \
                 user; the client cannot tell); unavailable (it could not be found out); overloaded; throttled (not looked \
                 at, see GUESSING).",
            ),
            ("ms", "Milliseconds from the request to the answer; 0 where nothing had to be waited for."),
            ("throttled", "How many of them the attempt was held back for; left out where it was not."),
        ],
    ),
    (
        "GUESSING",
        &[
            (
                "20 failures",
                "are free. After that each attempt of the same process's user (uid) for the same user waits before it is \
                 looked at: 1 s, then twice as long, up to 30 s. Where requests name their clients' addresses, each address \
                 is on its own, four such attempts may be on their way, and the others are answered NO. Where they do not, the wait is \
                 5 s at most, and then attempts have their turns, two a second; 47 may wait. One failure is forgiven after \
                 30 s, and all of an address' own with a right password.",
            ),
            (
                "elsewhere",
                "a right password of the same user is held back for 1 s at most. The same goes for others from an address \
                 with more than 160 failures; of IPv6 addresses the first 64 bits count.",
            ),
            ("--no-throttle", "turns all of it off."),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "It serves, or has ended as it was told to."),
            ("1", "It could not start; standard error says why. With -d or -f, also where another instance runs."),
            ("2", "Another instance runs in this run directory; nothing of it was touched."),
        ],
    ),
    (
        "SEE ALSO",
        &[("saslauthd-status(8), saslauthd-check(8), saslpasswd2(8), sasldblistusers2(8), testsaslauthd(8)", "")],
    ),
];

/// By the name of their page.
const COMMANDS: &[(&str, Sections)] = &[("saslauthd-status", STATUS), ("saslauthd-check", CHECK)];

const CHECK: Sections = &[
    (
        "PASSWORD",
        &[(
            "standard input",
            "From a terminal after a prompt, unseen; from anything else a line. It is not stored, not logged, and wiped.",
        )],
    ),
    (
        "OUTPUT",
        &[
            ("looked up", "The login as back ends are asked for it, and where sasldb looks."),
            ("remembered", "Whether a client would hear OK without a back end being asked."),
            ("a back end", "What it said and why, how long that took, and whether others are asked after it."),
            ("answer", "What a client hears."),
        ],
    ),
    (
        "NOTES",
        &[(
            "no login",
            "It is never held up for wrong passwords before it, does not count as one of them, and is logged with the user who \
             asked. What is right is remembered, as after a login.",
        )],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "A client would hear OK."),
            ("1", "A client would hear NO."),
            ("2", "There is no answer: no daemon, not for you to ask, or a command line that makes no sense."),
        ],
    ),
    ("SEE ALSO", &[("saslauthd(8), testsaslauthd(8)", "")]),
];

const STATUS: Sections = &[
    (
        "OUTPUT",
        &[
            ("requests", "By the back end that decided, and what it took about half and 99 % of its checks at most."),
            ("remembered", "Requests whose password was right a moment ago; no back end was asked."),
            (
                "turned away",
                "Clients for whom no back end was asked: their request made no sense, or there was no room.",
            ),
            ("waiting", "Checks that wait for a back end."),
            ("helpers", "Processes that check: retired and let go are in order; ended, late and nonsense are not."),
        ],
    ),
    ("EXIT STATUS", &[("0", "It was shown."), ("1", "No daemon runs there, or it is not for you to ask.")]),
    ("SEE ALSO", &[("saslauthd(8)", "")]),
];

const TESTSASLAUTHD: Sections = &[
    (
        "EXIT STATUS",
        &[
            ("0", "The last try was granted."),
            ("1", "The command line makes no sense."),
            ("255", "The last try was refused, or nobody answered."),
        ],
    ),
    ("SEE ALSO", &[("saslauthd(8)", "")]),
];

fn main() -> Result<(), Box<dyn error::Error>> {
    let directory = env::args().nth(1).ok_or("usage: saslauthd_manual DIRECTORY")?;
    for (command, sections) in [(cli::command(), SASLAUTHD), (testsaslauthd::command(), TESTSASLAUTHD)] {
        write(command, sections, Path::new(&directory))?;
    }
    let mut whole = cli::command();
    whole.build();
    for command in whole.get_subcommands() {
        let name = format!("saslauthd-{}", command.get_name());
        let sections = COMMANDS.iter().find(|(page, _)| *page == name).ok_or("a command without sections")?.1;
        let command = command.clone().name(&name).bin_name(name.replace('-', " ")).version(env!("CARGO_PKG_VERSION"));
        write_page(&command, sections, Path::new(&directory))?;
    }
    Ok(())
}
