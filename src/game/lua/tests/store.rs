//! room.store: requests and their answers, their limits, and what becomes of them when a room is restored.

use super::*;
use crate::protocol::CloseReason;

const GAME: &str = r#"
game.answers = {}
function game.answers.loaded(room, value, player, what)
  room:log(what, type(value) == "table" and value.score or value, player and player.id)
end
function game.answers.fails() error("no luck") end
function game.messages.load(room, player) room.store:get("score/" .. player.name, "loaded", player, "first") end
function game.messages.save(room, player) room.store:set("score", { score = 5, who = player }) end
function game.messages.delete(room, player) room.store:delete("score") end
function game.messages.fails(room, player) room.store:get("x", "fails") end
function game.messages.flood(room) for i = 1, 65 do room.store:set("k" .. i, i) end end
function game.messages.wait(room) for i = 1, 64 do room.store:get("k", "loaded", nil, i) end end
"#;

fn bench() -> Bench {
    let mut bench = Bench::new(&module(GAME));
    bench.join_all(1..=2);
    bench
}

fn requests(effects: &Effects) -> Vec<(u32, String)> {
    let request = |effect: &Effect| match effect {
        Effect::StoreGet { request, key } => Some((*request, key.clone())),
        _ => None,
    };
    effects.iter().filter_map(request).collect()
}

#[test]
fn answers_arrive_by_name_with_the_arguments_of_the_question() {
    let mut bench = bench();
    assert_eq!(bench.run("load"), "");
    assert_eq!(requests(&bench.effects), [(1, "score/Player 1".to_owned())]);
    let value = Value::map([("score", 7.0.into())]);
    bench.game.answer(1, Some(&value), &mut bench.effects).unwrap();
    assert_eq!(bench.logs(), ["first\t7\t1"]);
    // Once only; and what nobody asked is nobody's.
    for number in [1, 99] {
        bench.game.answer(number, Some(&value), &mut bench.effects).unwrap();
    }
    assert_eq!(bench.logs(), Vec::<String>::new());
    assert_eq!(bench.run("load"), "");
    bench.game.answer(2, None, &mut bench.effects).unwrap();
    assert_eq!(bench.logs(), ["first\tnil\t1"]);
    assert_eq!(bench.run("fails"), "");
    let error = bench.game.answer(3, None, &mut bench.effects).unwrap_err();
    assert!(error.to_string().contains("no luck") && !error.is_fatal());
}

#[test]
fn writes_are_effects() {
    let mut bench = bench();
    bench.effects.clear();
    assert_eq!((bench.run("save"), bench.run("delete")), (String::new(), String::new()));
    let value = Value::map([("score", 5.0.into()), ("who", Value::Player(1))]);
    assert_eq!(
        bench.effects,
        [
            Effect::StoreSet { key: "score".into(), value: Some(value) },
            Effect::StoreSet { key: "score".into(), value: None }
        ]
    );
}

#[test]
fn an_answer_for_somebody_who_left_is_dropped() {
    let mut bench = bench();
    bench.game.message(2, "load", &Value::Nil, None, &mut bench.effects).unwrap();
    bench.game.leave(2, CloseReason::Left, &mut bench.effects).unwrap();
    bench.game.answer(1, Some(&1.0.into()), &mut bench.effects).unwrap();
    assert_eq!(bench.logs(), Vec::<String>::new());
}

#[test]
fn requests_are_bounded_in_a_tick_and_in_all() {
    let mut bench = bench();
    let error = bench.run("flood");
    assert!(error.contains("room.store:set: more than 64 requests in one tick"), "{error}");
    for _ in 0..4 {
        bench.step();
        assert_eq!(bench.run("wait"), "");
    }
    bench.step();
    let error = bench.run("wait");
    assert!(error.contains("room.store:get: 256 requests wait already, the limit of a room"), "{error}");
    bench.game.answer(1, None, &mut bench.effects).unwrap();
    bench.step();
    assert!(bench.run("wait").contains("256"), "one place is free again, not 64");
    assert_eq!(requests(&bench.effects).len(), 257);
}

#[test]
fn a_restored_room_asks_again() {
    let mut bench = bench();
    assert_eq!(bench.run("load"), "");
    bench.game.message(2, "load", &Value::Nil, None, &mut bench.effects).unwrap();
    bench.game.answer(1, None, &mut bench.effects).unwrap();
    bench.step();
    let saved = bench.checkpoint();
    let mut again = Bench::restored(&module(GAME), &saved, Restored::Checkpoint);
    assert_eq!(requests(&again.effects), [(2, "score/Player 2".to_owned())]);
    again.game.answer(2, Some(&3.0.into()), &mut again.effects).unwrap();
    assert_eq!(again.logs(), ["first\t3\t2"]);
    assert_eq!(again.run("load"), "");
    assert_eq!(requests(&again.effects).last(), Some(&(3, "score/Player 1".to_owned())));
    let other = module(&GAME.replace("loaded", "fetched"));
    let mut again = Bench::restored(&other, &saved, Restored::Reload);
    assert_eq!(requests(&again.effects), []);
    assert_eq!(again.logs(), ["a request to room.store is dropped: there is no game.answers.loaded"]);
}

#[test]
fn misuse_says_what_is_wrong() {
    for (body, text) in [
        (
            "room.store:get('k', 'loadde')",
            "test/main.lua:12: room.store:get: there is no game.answers.loadde; did you mean loaded?",
        ),
        ("room.store:get('k')", "there is no game.answers.nil"),
        ("room.store:get(5, 'loaded')", "room.store:get: the key is a string of 1 to 200 bytes"),
        ("room.store:set(('k'):rep(201), 1)", "room.store:set: the key is a string of 1 to 200 bytes"),
        ("room.store:set('', 1)", "room.store:set: the key is a string"),
        ("room.store:set('\\255', 1)", "room.store:set: the key is not UTF-8"),
        ("room.store:get('\\255', 'loaded')", "room.store:get: the key is not UTF-8"),
        ("room.store:set('k')", "there is no value; room.store:delete(key) takes a key away"),
        ("room.store:set('k', { f = print })", "room.store:set: data.f: a function can not be copied"),
        ("room.store:set('k', ('x'):rep(70000))", "more than 64 kB"),
        ("room.store:write('k', 1)", "room.store.write does not exist; there are delete, get, set"),
        ("room.store.x = 1", "room.store can not be changed"),
    ] {
        let source = format!(
            "game.answers = {{ loaded = function() end }}\nfunction game.messages.go(room, player)\n{body}\nend"
        );
        let mut bench = Bench::new(&module(&source));
        bench.join(1);
        let error = bench.run("go");
        assert!(error.contains(text), "{body}: {error}");
        let saved = bench.checkpoint();
        let waiting = saved.get("requests").get("waiting");
        assert!([Value::Nil, Value::map([])].contains(waiting), "nothing waits after {body}");
    }
}

#[test]
fn settings_of_keeping_and_the_version_of_a_module() {
    let info = |source: &str| factory(source).map(|factory| factory.info.clone());
    let plain = info("return {}").unwrap();
    assert!(!plain.keeps && plain.version.len() == 32);
    let keeps = info("return { when_empty = 'keep' }").unwrap();
    assert!(keeps.keeps && keeps.version != plain.version);
    assert_eq!(info("return {}").unwrap().version, plain.version);
    let error = info("return { when_empty = 'kep' }").unwrap_err().to_string();
    assert!(error.contains("main.lua:1: when_empty: is not \"kep\"; did you mean keep?"), "{error}");
    let error = info("return { answers = { x = 1 } }").unwrap_err().to_string();
    assert!(error.contains("answers.x: is a function"), "{error}");
}
