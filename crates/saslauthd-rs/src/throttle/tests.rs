use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SECOND: Duration = Duration::from_secs(1);
const RULES: Rules = Rules {
    free: 20,
    longest: Duration::from_secs(30),
    elsewhere: Duration::from_secs(1),
    forgiven: Duration::from_secs(30),
};

fn who<'a>(login: &'a str, client: Option<&'a str>) -> Who<'a> {
    Who { name: [login.as_bytes().into(), b"r".into()], client: client.map(str::as_bytes) }
}

const TIM: Option<&str> = Some("192.0.2.9");

/// A throttle, and the time.
struct World {
    throttle: Throttle,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self { throttle: Throttle::new(RULES, now), now }
    }

    fn keys(&self, login: &str, uid: u32, client: Option<&str>) -> Keys {
        self.throttle.keys(&who(login, client), uid)
    }

    fn ask(&self, keys: &Keys) -> Answer {
        self.throttle.ask(keys, self.now)
    }

    fn fail(&mut self, keys: &Keys, times: u32) {
        (0..times).for_each(|_| self.throttle.failed(keys, self.now));
    }

    fn wait_for(&self, keys: &Keys) -> Duration {
        match self.ask(keys) {
            Answer::Now => Duration::ZERO,
            Answer::Later(wait) | Answer::InTurn(wait) => wait,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_default_rules_are_those_of_the_manual() {
    assert_eq!(Rules::default(), RULES);
}

#[test]
fn twenty_failures_are_free_and_each_after_them_waits_twice_as_long() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, TIM);
    assert!(world.throttle.is_empty(world.now) && !world.throttle.knows(&who("tim", None), world.now));
    world.fail(&keys, 19);
    assert_eq!(world.ask(&keys), Answer::Now);
    assert!(world.throttle.knows(&who("tim", None), world.now) && !world.throttle.knows(&who("ann", None), world.now));
    let mut waits = Vec::new();
    for _ in 0..8 {
        world.fail(&keys, 1);
        waits.push(world.wait_for(&keys).as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
}

#[test]
fn time_forgives_one_failure_after_the_other() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, TIM);
    world.fail(&keys, 1000);
    world.now += 30 * SECOND;
    assert_eq!(world.wait_for(&keys), 30 * SECOND, "no more are kept than make the wait longest");
    world.now += 5 * 30 * SECOND;
    assert_eq!(world.wait_for(&keys), SECOND);
    world.now += 30 * SECOND;
    assert_eq!(world.ask(&keys), Answer::Now);
    world.now += 19 * 30 * SECOND;
    assert!(world.throttle.is_empty(world.now) && !world.throttle.knows(&who("tim", None), world.now));
}

#[test]
fn others_wait_for_a_guesser_no_longer_than_they_should_and_are_never_refused() {
    let mut world = World::new();
    let guesser = world.keys("tim", 1, Some("192.0.2.1;25"));
    world.fail(&guesser, 1000);
    (0..MOST_BEGUN).for_each(|_| world.throttle.begin(&guesser));
    (0..MOST_WAITING - 1).for_each(|_| world.throttle.wait(&guesser));
    assert_eq!(world.ask(&guesser), Answer::Never);
    assert_eq!(world.wait_for(&world.keys("tim", 2, Some("192.0.2.1"))), RULES.elsewhere, "another peer");
    assert_eq!(world.wait_for(&world.keys("tim", 1, Some("192.0.2.2"))), RULES.elsewhere, "another client of the same");
    assert_eq!(world.wait_for(&world.keys("tim", 1, None)), RULES.elsewhere, "none");
    assert_eq!(world.ask(&world.keys("ann", 1, Some("192.0.2.2"))), Answer::Now, "another user");
    assert_eq!(
        world.wait_for(&world.keys("ann", 1, Some("192.0.2.1"))),
        RULES.elsewhere,
        "one from the guesser's address"
    );
}

#[test]
fn an_address_may_be_that_of_many_people() {
    let mut world = World::new();
    for user in 0..19 * 8 {
        let keys = world.keys(&user.to_string(), 1, Some("192.0.2.1"));
        world.fail(&keys, 1);
    }
    assert_eq!(world.ask(&world.keys("ann", 1, Some("192.0.2.1"))), Answer::Now);
    for user in 0..8 {
        let keys = world.keys(&user.to_string(), 1, Some("::ffff:192.0.2.1"));
        world.fail(&keys, 1);
    }
    assert_eq!(world.wait_for(&world.keys("ann", 1, Some("192.0.2.1;1"))), SECOND);
    assert!(world.throttle.knows(&who("ann", Some("192.0.2.1")), world.now));
}

#[test]
fn who_has_a_network_has_one_address() {
    let world = World::new();
    let client = |client| world.keys("tim", 1, Some(client)).client;
    assert_eq!(client("2001:db8::1;25"), client("2001:db8::2:3:4:5;26"));
    assert_ne!(client("2001:db8::1;25"), client("2001:db8:0:1::1;25"));
    assert_ne!(client("192.0.2.1;25"), client("192.0.2.2;25"));
    assert_ne!(client("one"), client("another"), "no address that we know");
    assert_eq!(world.keys("tim", 1, Some("")), world.keys("tim", 1, None));
}

#[test]
fn a_success_forgives_the_peer_alone() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, TIM);
    world.fail(&keys, 30);
    world.throttle.succeeded(&keys);
    assert_eq!(world.wait_for(&keys), RULES.elsewhere);
    let keys = world.keys("tim", 1, None);
    world.fail(&keys, 30);
    world.throttle.succeeded(&keys);
    assert_eq!(world.wait_for(&keys), LONGEST_OF_ALL, "nobody knows whose they were");
}

#[test]
fn where_no_client_is_named_nobody_is_refused_for_their_failures() {
    let mut world = World::new();
    let (tim, ann) = (world.keys("tim", 1, None), world.keys("ann", 1, None));
    [tim, ann].iter().for_each(|keys| world.fail(keys, 1000));
    let mut in_line = 0;
    while let Answer::InTurn(wait) = world.ask(&tim) {
        assert_eq!(wait, LONGEST_OF_ALL);
        world.throttle.wait(&tim);
        world.throttle.begin(&tim);
        in_line += 1;
    }
    assert_eq!((in_line, world.ask(&tim)), (47, Answer::Never));
    assert!(in_line * TURN < 24 * SECOND, "the last of them is looked at in time");
    assert!(matches!(world.ask(&ann), Answer::InTurn(_)), "another who is guessed at");
}

#[test]
fn one_more_who_is_guessed_at_finds_a_place() {
    let mut world = World::new();
    let users: Vec<Keys> = (0..400).map(|user| world.keys(&user.to_string(), 1, None)).collect();
    users.iter().for_each(|keys| world.fail(keys, 20));
    for _ in 0..50 {
        for keys in &users[1..] {
            if world.ask(keys) != Answer::Never {
                world.throttle.wait(keys);
            }
        }
    }
    assert!(matches!(world.ask(&users[0]), Answer::InTurn(_)));
}

/// Before one has failed, a crowd might be in that came at once.
#[test]
fn no_more_are_looked_at_at_once_than_may_fail() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, None);
    let mut begun = 0;
    while world.ask(&keys) == Answer::Now {
        world.throttle.begin(&keys);
        begun += 1;
    }
    assert_eq!((begun, world.ask(&keys)), (20, Answer::Next));
    assert_eq!(world.ask(&world.keys("tim", 2, None)), Answer::Now, "another peer");
    world.throttle.end(&keys);
    assert_eq!(world.ask(&keys), Answer::Now, "it was right");
    world.fail(&keys, 1);
    assert_eq!(world.ask(&keys), Answer::Next, "it was wrong");
    (0..MOST_WAITING).for_each(|_| world.throttle.wait(&keys));
    assert_eq!(world.ask(&keys), Answer::Next, "whoever else of this peer waits");
}

/// Whatever is tried meanwhile, and however many at once.
#[test]
fn a_guesser_has_few_guesses() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, TIM);
    let (mut looked_at, mut waiting) = (0, Vec::new());
    let start = world.now;
    while world.now < start + 10 * SECOND {
        waiting.retain(|until: &Instant| {
            let is_over = *until <= world.now;
            if is_over {
                looked_at += 1;
                world.throttle.end(&keys);
                world.throttle.failed(&keys, world.now);
            }
            !is_over
        });
        for _ in 0..1000 {
            let until = match world.ask(&keys) {
                Answer::Now => world.now,
                Answer::Later(wait) => world.now + wait,
                Answer::InTurn(_) | Answer::Next | Answer::Never => break,
            };
            world.throttle.begin(&keys);
            waiting.push(until);
        }
        world.now += Duration::from_millis(5);
    }
    assert!((20..=60).contains(&looked_at), "{looked_at}");
}

#[test]
fn no_crowd_of_names_frees_a_guesser() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, None);
    world.fail(&keys, 20);
    for name in 0..200_000 {
        let other = world.keys(&name.to_string(), 1, None);
        world.fail(&other, 1);
    }
    assert_eq!(world.wait_for(&keys), SECOND);
    assert_eq!(world.throttle.debts.places.len(), PLACES);
}

#[test]
fn rules_may_change() {
    let mut world = World::new();
    let keys = world.keys("tim", 1, None);
    world.fail(&keys, 3);
    world.throttle.set_rules(Rules { free: 3, ..RULES });
    assert_eq!(world.wait_for(&keys), SECOND);
    world.throttle.set_rules(Rules { free: 4, ..RULES });
    assert_eq!(world.ask(&keys), Answer::Now);
}

#[test]
fn extreme_rules_are_no_harm() {
    for time in [Duration::ZERO, Duration::MAX] {
        for free in [0, 1, u32::MAX] {
            let now = Instant::now();
            let mut throttle = Throttle::new(Rules { free, longest: time, elsewhere: time, forgiven: time }, now);
            let keys = throttle.keys(&who("tim", Some("::1")), 1);
            (0..100).for_each(|_| throttle.failed(&keys, now));
            throttle.begin(&keys);
            let _ = throttle.ask(&keys, now + SECOND);
            throttle.set_rules(Rules { free: 0, longest: time, elsewhere: time, forgiven: Duration::ZERO });
            let _ = throttle.ask(&keys, now + SECOND);
        }
    }
}

/// What happens in a while, in the model and in the throttle.
#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Fail(usize),
    Succeed(usize),
}

const PEOPLE: [(&str, u32, Option<&str>); 6] = [
    ("tim", 1, None),
    ("tim", 2, None),
    ("tim", 1, Some("192.0.2.1;1")),
    ("tim", 1, Some("192.0.2.2;1")),
    ("ann", 1, Some("192.0.2.1;2")),
    ("ann", 2, None),
];

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        1 => (0..60_000_u64).prop_map(Event::Pass),
        6 => (0..PEOPLE.len(), Just(())).prop_map(|(who, ())| Event::Fail(who)),
        1 => (0..PEOPLE.len(), Just(())).prop_map(|(who, ())| Event::Succeed(who)),
    ];
    prop::collection::vec(event, 0..300)
}

/// Eighths of failures, by name, in a map without a bound; forgiven bit by bit.
#[derive(Default)]
struct Model(BTreeMap<String, f64>);

impl Model {
    fn names(who: usize) -> [Option<(String, f64)>; 3] {
        let (login, uid, client) = PEOPLE[who];
        let host = client.map(|client| client.split(';').next().unwrap());
        [
            Some((format!("user {login}"), 1.0)),
            Some((format!("own {login} {uid} {host:?}"), 1.0)),
            host.map(|host| (format!("host {host}"), 0.125)),
        ]
    }

    fn pass(&mut self, millis: u64) {
        self.0.values_mut().for_each(|failures| *failures = (*failures - millis as f64 / 30_000.0).max(0.0));
    }

    fn fail(&mut self, who: usize) {
        for (name, part) in Self::names(who).into_iter().flatten() {
            let failures = self.0.entry(name).or_default();
            *failures = (*failures + part).min(26.0);
        }
    }

    fn succeed(&mut self, who: usize) {
        if PEOPLE[who].2.is_none() {
            return;
        }
        let [_, own, _] = Self::names(who);
        self.0.remove(&own.unwrap().0);
    }

    fn wait(&self, who: usize) -> Duration {
        let longest = if PEOPLE[who].2.is_none() { 5.0 } else { 30.0 };
        let waits = Self::names(who).map(|name| {
            let failures =
                name.and_then(|(name, _)| self.0.get(&name)).map_or(0.0, |failures| (failures - 1e-9).ceil());
            if failures < 20.0 { 0.0 } else { 2_f64.powf(failures - 20.0).min(longest) }
        });
        Duration::from_secs_f64(waits[1].max(waits[0].min(1.0)).max(waits[2].min(1.0)))
    }
}

proptest! {
    #[test]
    fn it_does_as_its_model(events in events()) {
        let (mut world, mut model) = (World::new(), Model::default());
        let people: Vec<Keys> = PEOPLE.iter().map(|(login, uid, client)| world.keys(login, *uid, *client)).collect();
        for event in events {
            match event {
                Event::Pass(millis) => {
                    world.now += Duration::from_millis(millis);
                    model.pass(millis);
                }
                Event::Fail(who) => {
                    world.fail(&people[who], 1);
                    model.fail(who);
                }
                Event::Succeed(who) => {
                    world.throttle.succeeded(&people[who]);
                    model.succeed(who);
                }
            }
            for (who, keys) in people.iter().enumerate() {
                prop_assert_eq!(world.wait_for(keys), model.wait(who), "{:?}", PEOPLE[who]);
            }
        }
    }
}
