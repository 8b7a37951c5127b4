//! A helper process as the daemon sees it: the real program at the other end of a socket, with a private /etc.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod helping;

use helping::{Helper, Outcome, PamDaemon, answer};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sasl_wire::saslauthd::Request;
use saslauthd_rs::helper::RETIRED;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::ExitStatusExt,
    thread,
    time::{Duration, Instant},
};

const SHA_512: &str =
    "$6$abcdefgh$M/eYsB4rVXAm3ZNc88J.UD9rCKAT6FB1rahiwJCHtEndQNORCub5qhjxn50qbqVVthkM.9HpEwtf0t.iV9uH0/";
const DES: &str = "ab0ozUNIgzCZ.";

fn ok() -> Outcome {
    answer("OK")
}

#[test]
fn pam_accepts_refuses_and_goes_on() {
    let mut helper = Helper::start_pam();
    for _ in 0..3 {
        assert_eq!(helper.ask("tim", "pencil"), ok());
        assert_eq!(helper.ask("tim", "wrong"), answer("NO wrong 0"));
    }
    assert_eq!(helper.ask("tim", "shown"), ok(), "what is shown is not answered with the password");
    assert!(helper.end().success());
}

#[test]
fn pams_values_are_words() {
    let mut helper = Helper::start_pam();
    for (what, word) in [
        ("code 7", "wrong"),
        ("code 11", "wrong"),
        ("code 10", "unknown"),
        ("code 9", "unavailable"),
        ("code 4", "unavailable"),
        ("code 26", "unavailable"),
        ("code 13", "account"),
        ("account 13", "account"),
        ("account 12", "password-expired"),
        ("account 6", "account"),
        ("account 7", "account"),
        ("account 4", "unavailable"),
    ] {
        // An account is told by its name, since nobody has the password any more when it is looked at.
        assert_eq!(helper.ask(what, what), answer(&format!("NO {word} 0")), "{what}");
    }
    assert_eq!(helper.ask("tim", "code 0"), ok());
}

#[test]
fn nobody_sleeps_after_a_failure_and_the_daemon_is_told_how_long_it_should_take() {
    let mut helper = Helper::start_pam();
    let start = Instant::now();
    let Outcome::Answer(text) = helper.ask("tim", "delay") else { panic!("no answer") };
    assert!(start.elapsed() < Duration::from_millis(900), "somebody slept");
    let microseconds: u64 = text.strip_prefix("NO wrong ").unwrap().parse().unwrap();
    // PAM varies it by up to a half.
    assert!((1_500_000..=4_500_000).contains(&microseconds), "{microseconds}");
    assert_eq!(helper.ask("tim", "patient"), ok());
    assert_eq!(helper.ask("tim", "wrong"), answer("NO wrong 0"), "the delay is one attempt's");
}

#[test]
fn a_module_that_puts_its_own_conversation_in_place_of_ours_is_no_harm() {
    let mut helper = Helper::start_pam();
    let Outcome::Answer(text) = helper.ask("tim", "replaced") else { panic!("no answer") };
    assert!(text.starts_with("NO wrong ") && text != "NO wrong 0", "{text}");
    assert_eq!(helper.ask("tim", "wrong"), answer("NO wrong 0"));
}

#[test]
fn pam_is_told_where_the_client_is() {
    let mut helper = Helper::start_pam();
    assert_eq!(helper.ask_from("192.0.2.1;25", "tim", "rhost 192.0.2.1"), ok());
    assert_eq!(helper.ask_from("2001:db8::1", "tim", "rhost 2001:db8::1"), ok());
    assert_eq!(helper.ask_from("", "tim", "rhost none"), ok());
    assert_eq!(helper.ask_from("192.0.2.1", "tim", "rhost none"), answer("NO wrong 0"));
}

#[test]
fn a_service_is_a_file_and_one_that_is_not_there_is_other() {
    let files = [
        ("pam.d/permit", "auth required pam_permit.so\naccount required pam_permit.so\n"),
        ("pam.d/expired", "auth required pam_permit.so\naccount required pam_deny.so\n"),
        ("pam.d/nobody", "auth required pam_nonexistent.so\naccount required pam_permit.so\n"),
        ("pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n"),
    ];
    let mut helper = Helper::start("pam", &files);
    for (service, said) in [
        ("permit", "OK"),
        ("PERMIT", "OK"),
        ("../../tmp/permit", "OK"),
        ("expired", "NO account"),
        ("nobody", "NO unavailable"),
        ("none", "NO wrong"),
        ("", "NO wrong"),
    ] {
        let (login, password, service) = (b"tim", b"pencil", service.as_bytes());
        let outcome = helper.ask_for(&Request { login, password, service, realm: b"", client: Some(b"") });
        let Outcome::Answer(text) = outcome else { panic!("no answer") };
        // pam_deny asks for a delay in no version, other modules may.
        assert!(text.starts_with(said), "{}: {text}", String::from_utf8_lossy(service));
    }
}

#[test]
fn pam_unix_reads_shadow_and_its_dates() {
    let unix = "auth required pam_unix.so\naccount required pam_unix.so\n";
    let shadow = shadow();
    let mut helper = Helper::start(
        "pam",
        &[("pam.d/test", unix), ("passwd", PASSWD), ("shadow", &shadow), ("nsswitch.conf", FILES)],
    );
    for (login, password, said) in [
        ("sha", "hunter2", "OK"),
        ("sha", "hunter3", "NO wrong "),
        ("over", "hunter2", "NO account 0"),
        ("old", "hunter2", "NO password-expired 0"),
        ("locked", "hunter2", "NO wrong "),
    ] {
        let Outcome::Answer(text) = helper.ask(login, password) else { panic!("{login}: no answer") };
        assert!(text.starts_with(said), "{login}: {text}");
    }
}

#[test]
fn a_module_that_forks_and_comes_back_twice_is_heard_once() {
    let mut helper = Helper::start_pam();
    for _ in 0..20 {
        assert_eq!(helper.ask("tim", "fork"), ok());
    }
    assert_eq!(helper.ask("tim", "wrong"), answer("NO wrong 0"));
    assert_eq!(helper.next(), Outcome::Silence);
    assert!(helper.end().success());
}

#[test]
fn a_module_that_closes_the_channel_ends_the_helper_and_nothing_goes_elsewhere() {
    for fault in ["close", "replace"] {
        let mut helper = Helper::start_pam();
        assert_eq!(helper.ask("tim", "pencil"), ok());
        assert_eq!(helper.ask("tim", fault), Outcome::End, "{fault}");
        assert_eq!(helper.end().code(), Some(1), "{fault}");
    }
}

#[test]
fn a_module_that_ends_the_process_is_seen_to() {
    for (fault, signal) in [("abort", Some(Signal::SIGABRT)), ("crash", Some(Signal::SIGSEGV)), ("exit", None)] {
        let mut helper = Helper::start_pam();
        assert_eq!(helper.ask("tim", fault), Outcome::End, "{fault}");
        assert_eq!(helper.end().signal(), signal.map(|signal| signal as i32), "{fault}");
    }
}

#[test]
fn a_module_that_hangs_or_spins_can_be_killed() {
    for fault in ["hang", "spin"] {
        let mut helper = Helper::start_pam();
        assert_eq!(helper.ask("tim", fault), Outcome::Silence);
        kill(pid_of(&helper), Signal::SIGTERM).unwrap();
        assert_eq!(helper.next(), Outcome::End, "{fault}");
        assert_eq!(helper.end().signal(), Some(Signal::SIGTERM as i32));
    }
}

#[test]
fn a_helper_that_hangs_goes_with_whoever_started_it() {
    // The parent is the thread.
    let mut orphan = thread::spawn(|| {
        let mut helper = Helper::start_pam();
        assert_eq!(helper.ask("tim", "hang"), Outcome::Silence);
        helper
    })
    .join()
    .unwrap();
    assert_eq!(orphan.next(), Outcome::End);
}

#[test]
fn a_module_that_leaks_descriptors_or_memory_ends_the_helper_between_two_requests() {
    for (fault, least) in [("descriptors", 4), ("memory", 4)] {
        let mut helper = Helper::start_pam();
        let answers = (0..100).take_while(|_| helper.ask("tim", fault) == ok()).count();
        assert!((least..8).contains(&answers), "{fault}: {answers}");
        assert_eq!(helper.end().code(), Some(RETIRED.into()), "{fault}");
    }
}

#[test]
fn what_a_module_says_on_the_channel_is_no_answer_to_the_next_request() {
    let daemon = PamDaemon::start();
    for _ in 0..3 {
        let _ = daemon.accepts("talk");
        assert!(!daemon.accepts("wrong"));
        assert!(daemon.accepts("pencil"));
    }
}

#[test]
fn a_module_that_ends_the_process_as_if_it_were_worn_costs_one_request_and_one_process() {
    let daemon = PamDaemon::start();
    let start = Instant::now();
    for _ in 0..3 {
        assert!(!daemon.accepts(&format!("exit {RETIRED}")));
        assert!(daemon.accepts("pencil"));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "it was tried again and again");
}

#[test]
fn what_a_module_started_goes_with_the_helper_wherever_it_hid() {
    let seconds = "314.159";
    let runs = || {
        let processes =
            fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        processes.into_iter().any(|line| line == format!("sleep\0{seconds}\0").into_bytes())
    };
    let daemon = PamDaemon::start();
    let asked = thread::spawn(move || daemon.accepts(&format!("stray {seconds}")));
    let start = Instant::now();
    while !runs() {
        assert!(start.elapsed() < Duration::from_secs(5), "it was never there");
    }
    assert!(!asked.join().unwrap());
    thread::sleep(Duration::from_millis(100));
    assert!(!runs());
}

#[test]
fn a_program_that_a_module_starts_does_not_have_the_channel() {
    assert_eq!(Helper::start_pam().ask("tim", "program"), ok());
}

#[test]
fn without_libpam_every_answer_says_so_and_the_log_says_it_once() {
    let mut helper = Helper::start_with("pam", &[("pam.d/x", "")], |command, scratch| {
        fs::write(scratch.join("libpam.so.0"), "").unwrap();
        command.env("LD_LIBRARY_PATH", scratch);
    });
    for _ in 0..3 {
        assert_eq!(helper.ask("tim", "pencil"), answer("NO unavailable 0"));
    }
    let log = helper.log();
    assert!(log.starts_with("saslauthd: pam: nobody can log in: ") && log.lines().count() == 1, "{log}");
    assert!(log.contains("libpam.so.0"), "{log}");
}

#[test]
fn a_hash_is_checked_and_a_helper_is_worn_after_a_thousand() {
    let mut helper = Helper::start("crypt", &[("pam.d/x", "")]);
    assert_eq!(helper.ask(SHA_512, "hunter2"), ok());
    assert_eq!(helper.ask(SHA_512, "hunter3"), answer("NO wrong 0"));
    for no_hash in ["", "*", "!", "*0", "$6$", &format!("!{SHA_512}")] {
        assert_eq!(helper.ask(no_hash, "hunter2"), answer("NO wrong 0"), "{no_hash}");
        assert_eq!(helper.ask(no_hash, ""), answer("NO wrong 0"), "{no_hash}");
    }
    let answers = (0..2000).take_while(|_| helper.ask(DES, "hunter2") == ok()).count();
    assert_eq!(answers, 1000 - 14);
    assert_eq!(helper.end().code(), Some(RETIRED.into()));
}

#[test]
fn passwords_of_sixty_thousand_bytes_and_hashes_of_all_sizes_are_no_harm() {
    let mut helper = Helper::start("crypt", &[("pam.d/x", "")]);
    let long = "x".repeat(65_535);
    assert_eq!(helper.ask(&long, &long), answer("NO wrong 0"));
    assert_eq!(helper.ask(SHA_512, &long), answer("NO wrong 0"));
    assert_eq!(helper.ask(SHA_512, "hunter2"), ok());
}

/// Users in passwd, each with an entry of its own in shadow.
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nsha:x:7001:7001::/:/bin/sh\nover:x:7002:7002::/:/bin/sh\nlocked:x:7003:7003::/:/bin/sh\n\
                      empty:x:7004:7004::/:/bin/sh\nnp:x:7005:7005::/:/bin/sh\nold:x:7006:7006::/:/bin/sh\nhere:ab0ozUNIgzCZ.:7007:7007::/:/bin/sh\n\
                      lk:*LK*:7008:7008::/:/bin/sh\nno::7009:7009::/:/bin/sh\n";

fn shadow() -> String {
    let line = |name, hash, dates| format!("{name}:{hash}:{dates}\n");
    [
        line("sha", SHA_512, "20000:0:99999:7:::"),
        line("over", SHA_512, "20000:0:99999:7::20001:"),
        line("old", SHA_512, "20000:0:30:7:::"),
        line("locked", &format!("!{SHA_512}"), "20000:0:99999:7:::"),
        line("empty", "", "20000:0:99999:7:::"),
        line("np", "*NP*", "20000:0:99999:7:::"),
        line("ghost", SHA_512, "20000:0:99999:7:::"),
    ]
    .concat()
}

#[test]
fn shadow_has_a_word_for_everybody() {
    let mut helper = Helper::start("shadow", &[("passwd", PASSWD), ("shadow", &shadow()), ("nsswitch.conf", FILES)]);
    for (login, right, wrong) in [
        ("sha", "OK", "NO wrong 0"),
        ("over", "NO account 0", "NO wrong 0"),
        ("old", "NO password-expired 0", "NO wrong 0"),
        ("locked", "NO no-password 0", "NO no-password 0"),
        ("empty", "NO no-password 0", "NO no-password 0"),
        ("np", "NO unavailable 0", "NO unavailable 0"),
        ("here", "NO unknown 0", "NO unknown 0"),
        ("ghost", "NO unknown 0", "NO unknown 0"),
        ("nobody-else", "NO unknown 0", "NO unknown 0"),
    ] {
        assert_eq!(helper.ask(login, "hunter2"), answer(right), "{login}");
        assert_eq!(helper.ask(login, "hunter3"), answer(wrong), "{login}");
    }
    assert_eq!(helper.ask("empty", ""), answer("NO wrong 0"));
    assert_eq!(helper.ask("sha", &"x".repeat(512)), answer("NO wrong 0"));
}

#[test]
fn getpwent_has_a_word_for_everybody() {
    let mut helper = Helper::start("getpwent", &[("passwd", PASSWD), ("nsswitch.conf", FILES)]);
    for (login, right, wrong) in [
        ("here", "OK", "NO wrong 0"),
        ("sha", "NO no-password 0", "NO no-password 0"),
        ("lk", "NO no-password 0", "NO no-password 0"),
        ("no", "NO no-password 0", "NO no-password 0"),
        ("nobody-else", "NO unknown 0", "NO unknown 0"),
    ] {
        assert_eq!(helper.ask(login, "hunter2"), answer(right), "{login}");
        assert_eq!(helper.ask(login, "x"), answer(wrong), "{login}");
    }
}

const FILES: &str = "passwd: files\nshadow: files\n";

#[test]
fn a_shadow_that_cannot_be_asked_is_not_a_wrong_password() {
    // Behind the second, glibc says of a file that cannot be read that nobody is in it.
    for shadow in ["nonexistent", "files systemd"] {
        let sources = format!("passwd: files\nshadow: {shadow}\n");
        let mut helper = Helper::start("shadow", &[("passwd", PASSWD), ("nsswitch.conf", &sources)]);
        assert_eq!(helper.ask("sha", "hunter2"), answer("NO unavailable 0"), "{shadow}");
        assert_eq!(helper.ask("nobody-else", "hunter2"), answer("NO unknown 0"), "{shadow}");
    }
}

/// The least of many of each in turn, so that what else the machine does counts for both.
#[test]
fn whoever_is_not_let_in_waits_as_long() {
    let mut helper = Helper::start("shadow", &[("passwd", PASSWD), ("shadow", &shadow()), ("nsswitch.conf", FILES)]);
    let logins = ["sha", "nobody-else", "locked", "empty", "np", "ghost", "over"];
    let mut least = [Duration::MAX; 7];
    for _ in 0..140 {
        for (login, least) in logins.iter().zip(&mut least) {
            let start = Instant::now();
            assert_ne!(helper.ask(login, "hunter3"), ok());
            *least = start.elapsed().min(*least);
        }
    }
    for (login, other) in logins.iter().zip(least) {
        let ratio = other.as_secs_f64() / least[0].as_secs_f64();
        assert!((0.85..1.18).contains(&ratio), "{login}: {least:?}");
    }
}

#[test]
fn a_helper_keeps_its_memory_to_itself() {
    let mut helper = Helper::start("crypt", &[("pam.d/x", "")]);
    assert_eq!(helper.ask(DES, "hunter2"), ok());
    let limits = fs::read_to_string(format!("/proc/{}/limits", helper.child.id())).unwrap();
    let core: Vec<_> = limits.lines().find(|line| line.starts_with("Max core")).unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);
    let status = fs::read_to_string(format!("/proc/{}/status", helper.child.id())).unwrap();
    let signals = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        // 32 and 33 are the C library's own, and nobody can set them.
        u64::from_str_radix(line.trim(), 16).unwrap() & !(0b11 << 31)
    };
    assert_eq!(["SigBlk:", "SigIgn:", "SigCgt:"].map(signals), [0; 3]);
}

#[test]
fn a_helper_has_nothing_open_but_its_channel() {
    // A store is opened by a library that hands its descriptor on.
    let scratch = tempfile::tempfile().unwrap();
    let _inherited = nix::unistd::dup(&scratch).unwrap();
    let mut helper = Helper::start("crypt", &[("pam.d/x", "")]);
    assert_eq!(helper.ask(DES, "hunter2"), ok());
    let descriptors = || {
        let open = fs::read_dir(format!("/proc/{}/fd", helper.child.id())).unwrap();
        let names = open.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<i32>().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    // Behind its answer it opens one for a moment, to see how worn it is.
    let is_settled = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(10));
        descriptors().into_iter().eq(0..4)
    });
    assert!(is_settled, "{:?}", descriptors());
}

#[test]
fn a_kind_that_there_is_not_is_refused() {
    let helper = Helper::start("sasldb", &[("pam.d/x", "")]);
    assert_eq!(helper.end().code(), Some(1));
}

fn pid_of(helper: &Helper) -> Pid {
    Pid::from_raw(helper.child.id().try_into().unwrap())
}
