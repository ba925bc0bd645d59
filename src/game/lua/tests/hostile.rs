//! Scripts that loop, eat memory or look for a way out.

use super::*;
use crate::game::{Budgets, GameFactory};

fn settings(jit: bool) -> Settings {
    Settings {
        budgets: Budgets { callback_us: 15_000, load_us: 500_000, memory_bytes: 24 << 20 },
        jit,
        ..Settings::default()
    }
}

fn room(body: &str) -> Bench {
    let mut settings = settings(true);
    settings.budgets.callback_us = patient().budgets.callback_us;
    room_with(&settings, body)
}

fn room_with(settings: &Settings, body: &str) -> Bench {
    let main = module(&format!(
        "local plain = pcall
function game.messages.go(room, player)\n{body}\nend
function game.messages.fine(room) room.state.fine = true end"
    ));
    let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main)], settings).unwrap();
    let mut bench = Bench::with(factory.create_lua().unwrap());
    bench.join(1);
    bench
}

const LOOPS: &[(&str, &str)] = &[
    ("empty", "while true do end"),
    ("numeric", "for i = 1, 1e15 do end"),
    ("calls", "local function f(n) return n + 1 end local n = 0 while true do n = f(n) end"),
    ("tail calls", "local function f() return f() end f()"),
    ("pcall", "while true do pcall(function() while true do end end) end"),
    ("pcall of error", "while true do pcall(error) end"),
    ("nested pcall", "local function f() pcall(f) while true do end end f()"),
    ("xpcall handler", "xpcall(error, function() while true do end end)"),
    ("xpcall in a loop", "while true do xpcall(function() error('x') end, function() while true do end end) end"),
    ("coroutine", "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end"),
    ("inside a coroutine", "coroutine.wrap(function() while true do end end)()"),
    ("resume", "while true do coroutine.resume(coroutine.create(function() while true do end end)) end"),
    ("metamethod", "local t = setmetatable({}, { __index = function() while true do end end }) return t.x"),
    ("tostring", "return tostring(setmetatable({}, { __tostring = function() while true do end end }))"),
    ("table writes", "local t = {} while true do t[1] = (t[1] or 0) + 1 end"),
    ("pairs", "local t = {1, 2, 3} while true do for _ in pairs(t) do end end"),
    ("goto", "::again:: goto again"),
    ("sort", "local t = {} for i = 1, 5000 do t[i] = i end table.sort(t, function() while true do end end)"),
    ("gsub", "(('x'):rep(100)):gsub('.', function() while true do end end)"),
    ("each", "while true do for _ in room:each('box') do end end"),
    ("spawn and despawn", "while true do room:spawn('box', {}):despawn() end"),
    ("broadcast", "while true do pcall(room.broadcast, room, 'x', { 1, 2, 3 }) end"),
    ("log", "while true do room:log('x') end"),
    ("require", "while true do pcall(require, 'nothing') end"),
];

#[test]
fn every_loop_is_stopped_and_reported() {
    for jit in [true, false] {
        for (name, body) in LOOPS {
            let mut bench = room_with(&settings(jit), body);
            let result = bench.game.message(1, "go", &Value::Nil, Some(3), &mut bench.effects);
            assert_eq!(result, Err(GameError::Overrun("message")), "{name}, jit {jit}");
            let reply = bench.effects.iter().any(|effect| matches!(effect, Effect::Reply { result: Err(_), .. }));
            assert!(reply, "{name}: a call is answered");
            // The VM is given up.
            let again = bench.game.message(1, "fine", &Value::Nil, None, &mut bench.effects);
            assert_eq!(again, Err(GameError::Overrun("message")), "{name}");
            assert!(bench.collect().is_err_and(|error| error.is_fatal()));
        }
    }
}

/// Each within its own budget, all together they would take seconds: a tick has a budget too.
#[test]
fn many_timers_share_the_budget_of_their_tick() {
    let main = module(
        "function game.timers.work() local n = 0 for i = 1, 4e6 do n = n + i % 7 end end
         function game.messages.go(room) for i = 1, 2000 do room:after(0.05, 'work') end end",
    );
    let mut settings = settings(true);
    settings.budgets.callback_us = 60_000;
    let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main)], &settings).unwrap();
    let mut bench = Bench::with(factory.create_lua().unwrap());
    bench.join(1);
    assert_eq!(bench.run("go"), "");
    assert_eq!(bench.try_step(&[]), Err(GameError::Overrun("timer")));
}

/// McIlroy's adversary fixes values while a sort looks at them, as badly for it as can be. Sorted again without a
/// comparison, such a list would keep C busy for the square of its length.
#[test]
fn a_sort_can_be_stopped() {
    let main = module(
        "local values
         function game.messages.make()
           local n, solid, candidate, items = 6000, 0, 0, {}
           local gas = n + 1
           values = {}
           for i = 1, n do values[i], items[i] = gas, i end
           table.sort(items, function(a, b)
             if values[a] == gas and values[b] == gas then
               solid = solid + 1
               if a == candidate then values[a] = solid else values[b] = solid end
             end
             if values[a] == gas then candidate = a elseif values[b] == gas then candidate = b end
             return values[a] < values[b]
           end)
         end
         function game.messages.go() table.sort(values) end",
    );
    let sort = |budget_us: u64| {
        let mut settings = settings(true);
        settings.budgets.callback_us = 600_000_000;
        let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main.clone())], &settings).unwrap();
        let mut bench = Bench::with(factory.create_lua().unwrap());
        bench.join(1);
        assert_eq!(bench.run("make"), "");
        bench.step();
        bench.game.set_callback_budget(budget_us);
        let result = bench.game.message(1, "go", &Value::Nil, None, &mut bench.effects);
        (result, bench.game.stop_overrun_us())
    };
    assert_eq!(sort(600_000_000).0, Ok(()));
    let (result, overrun_us) = sort(1_000);
    assert_eq!(result, Err(GameError::Overrun("message")));
    println!("stopped {overrun_us} us after its budget");
    // Whole it takes 400 ms and more.
    assert!(overrun_us < 100_000, "{overrun_us} us");
}

#[test]
fn a_swallowed_overrun_is_still_one() {
    let mut bench = room_with(&settings(true), "plain(function() while true do end end) return 'all is well'");
    let result = bench.game.message(1, "go", &Value::Nil, None, &mut bench.effects);
    assert_eq!(result, Err(GameError::Overrun("message")));
}

#[test]
fn loading_has_a_budget_too() {
    let mut settings = settings(true);
    settings.budgets.load_us = 20_000;
    let sources = [("main.lua".to_owned(), "while true do end".to_owned())];
    let result = LuaFactory::from_sources("test", sources, &settings);
    assert_eq!(result.err(), Some(GameError::Overrun("loading")));
}

#[test]
fn memory_bombs_end_in_a_memory_error() {
    for (name, body) in [
        ("table", "local t = {} for i = 1, 1e9 do t[i] = i end"),
        ("tables", "local t = {} while true do t = { t, {} } end"),
        ("strings", "local s = 'x' while true do s = s .. s end"),
        ("concat", "local t = {} for i = 1, 60 do t[i] = ('x'):rep(1e6) .. i end return table.concat(t)"),
        ("closures", "local t = {} while true do local n = #t t[n + 1] = function() return n end end"),
        ("coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end"),
        ("keys", "local t = {} for i = 1, 1e9 do t['k' .. i] = true end"),
        ("swallowed", "local t = {} while true do pcall(function() for i = 1, 1e6 do t[#t + 1] = { i } end end) end"),
        ("format", "local t = {} while true do t[#t + 1] = string.format('%s%d', ('y'):rep(5e5), #t) end"),
    ] {
        // The cap is to be met, not the clock.
        let mut slow = settings(true);
        slow.budgets.callback_us = 60_000_000;
        let main = module(&format!("function game.messages.go(room)\n{body}\nend"));
        let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main)], &slow).unwrap();
        let mut bench = Bench::with(factory.create_lua().unwrap());
        bench.join(1);
        let result = bench.game.message(1, "go", &Value::Nil, None, &mut bench.effects);
        assert_eq!(result, Err(GameError::Memory("message")), "{name}");
        assert!(bench.game.memory_bytes() <= 25 << 20, "{name}");
    }
}

#[test]
fn bombs_in_c_are_refused_before_they_start() {
    for (body, text) in [
        ("return ('a'):rep(26):find(('a?'):rep(26) .. ('a'):rep(26))", "could take too long"),
        ("return ('x'):rep(1000):find('.-.-.-b')", "could take too long"),
        ("return ('a'):rep(60):match(('a*'):rep(30) .. 'b')", "could take too long"),
        ("return ('x'):rep(1000):gsub('.-.-.-b', '')", "could take too long"),
        ("for _ in ('x'):rep(1000):gmatch('^.-.-.-b') do end", "could take too long"),
        ("return ('x'):rep(1000):find('[%]]*[^]]*()*x*%b()b')", "could take too long"),
        ("return ('x'):find(('x'):rep(300))", "a pattern of 300 characters is over the limit"),
        (
            "return ('a'):rep(1e6):find(('a'):rep(5e5) .. 'b', 1, true)",
            "500001 characters in 1000000 could take too long",
        ),
        ("return ('a'):rep(1e6):find('b')", "could take too long"),
        ("return ('a'):rep(5000):find('[bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP]*b')", "could take too long"),
        ("return ('x'):rep(1e9)", "string.rep: 1000000000 characters are over the limit"),
        ("return ('x'):rep(1e5, ('y'):rep(100))", "over the limit"),
        ("local t = {} for i = 1, 60000 do t[i] = i end table.sort(t)", "table.sort: 60000 elements"),
        ("return unpack({}, 1, 1e8)", "too many results"),
        ("local function f() return 1 + f() end return f()", "stack overflow"),
        ("local function f() local _, why = pcall(f) error(why, 0) end return f()", "stack overflow"),
        ("local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) return t[1]", "stack overflow"),
        ("local function f() return coroutine.wrap(f)() end return f()", "nested deeper than 30"),
        ("local function f() return (('x'):gsub('x', f)) end return f()", "nested deeper than 30"),
        ("local function f() table.sort({ 3, 2, 1 }, f) end return f()", "nested deeper than 30"),
        ("local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x", "loop in gettable"),
        ("return string.format('%999999d', 1)", "invalid"),
    ] {
        let mut bench = room(body);
        let error = bench.run("go");
        assert!(error.contains(text), "{body}: {error:?} does not say {text:?}");
        assert_eq!(bench.run("fine"), "");
    }
}

#[test]
fn ordinary_patterns_work() {
    let mut bench = room(
        r#"
  assert(("  hello world  "):match("^%s*(.-)%s*$") == "hello world")
  assert(("a,b,,c"):gsub(",", ";") == "a;b;;c")
  local words = {}
  for word in ("the quick brown fox"):gmatch("%a+") do words[#words + 1] = word end
  assert(#words == 4)
  assert(("key = value"):match("(%w+)%s*=%s*(%w+)") == "key")
  assert(("x"):rep(100000):find("y", 1, true) == nil)
  assert(#("x"):rep(100000):gsub("x+", "y") == 1)
  assert(("[tag]"):match("%[(.-)%]") == "tag" and ("f(a(b))"):match("%b()") == "(a(b))")
  assert(("x"):rep(3, "-") == "x-x-x" and ("%d"):format(5) == "5" and (5):type() == nil)
"#
        .replace(" and (5):type() == nil", "")
        .as_str(),
    );
    assert_eq!(bench.run("go"), "");
}

#[test]
fn there_is_no_way_out_of_the_sandbox() {
    let mut bench = room(
        r#"
  for _, name in ipairs {
    "load", "loadstring", "loadfile", "dofile", "module", "getfenv", "setfenv", "newproxy", "gcinfo", "jit", "ffi", "debug",
    "io", "package",
  } do assert(_G[name] == nil, name) end
  assert(string.dump == nil and os.execute == nil and os.getenv == nil and coroutine.running)
  local names = {}
  for name in pairs(os) do names[#names + 1] = name end
  table.sort(names)
  assert(table.concat(names, ",") == "clock,time")
  assert(not pcall(collectgarbage, "collect") and collectgarbage("count") > 0)
  assert(getmetatable("") == false and not pcall(setmetatable, room, {}))
  assert(getmetatable(room) == false and getmetatable(player) == false and getmetatable(list {}) == false)
  for _, name in ipairs { "ffi", "jit", "../secret", "/etc/passwd", "main.lua", "..", "" } do
    assert(not pcall(require, name), name)
  end

  -- Everything that can be reached from here: no cdata, no userdata, no table of the prelude's.
  local seen, types = {}, {}
  local function walk(value)
    types[type(value)] = true
    if type(value) ~= "table" or seen[value] then return end
    seen[value] = true
    assert(rawget(value, "by_id") == nil and rawget(value, "loadstring") == nil and rawget(value, "getinfo") == nil)
    for key, inner in next, value do walk(key) walk(inner) end
    walk(getmetatable(value))
  end
  walk(_G) walk(room) walk(player)
  assert(not types.cdata and not types.userdata and not types.lightuserdata)
  rawset(room, "tick", 77)
  rawset(player, "id", "99")
"#,
    );
    assert_eq!(bench.run("go"), "");
    bench.step();
}

/// Module code may break its own globals; the engine does not lean on them.
#[test]
fn a_module_without_globals_still_has_an_engine() {
    let mut bench = room(
        r#"
  local pcall, assert, G, find, clear = pcall, assert, _G, string.find, function(t) for k in next, t do t[k] = nil end end
  local setmetatable, error = setmetatable, error
  for _, library in pairs { string, table, math, bit, coroutine, os } do clear(library) end
  clear(G)
  setmetatable(G, { __index = function(_, name) error("the engine asked for " .. name) end, __newindex = error })
  local box = room:spawn("box", { x = 5 })
  local dart = room:spawn("dart", { velocity = { x = 1, y = 1 }, owner = player })
  for each in room:each("box") do assert(each == box) end
  for each in room:seen(player):within("box", 5, 0, 1) do assert(each.x == 5) end
  assert(room:nearest("dart", 0, 0) == dart and room:random(5) <= 5)
  box:despawn()
  local ok, problem = pcall(function() return box.x end)
  assert(find(problem, "was despawned", 1, true), problem)
  ok, problem = pcall(function() return room.tikc end)
  assert(find(problem, "did you mean", 1, true), problem)
  ok, problem = pcall(room.spawn, room, "bxo")
  assert(find(problem, "did you mean", 1, true), problem)
  ok, problem = pcall(room.after, room, 1, "nothing")
  assert(find(problem, "there is no game.timers.nothing", 1, true), problem)
  player.role = "x"
  player:send("x", { 1, { a = player } })
  room:log("fine", box.alive)
"#,
    );
    assert_eq!(bench.run("go"), "");
    bench.join(2);
    bench.try_step(&[(1, &[0.0, 1.0, 1.0, 0.0])]).unwrap();
    bench.steps(30);
    assert_eq!(bench.logs(), ["fine\tfalse"]);
}

/// A walk's state is all that module code gets of the lists, and nothing in it leads to them.
#[test]
fn a_tampered_walk_harms_nobody() {
    let mut bench = room(
        r#"
  for i = 1, 10 do room:spawn("box", { x = i }) end
  for box in room:each("box") do if box.id % 2 == 0 then box:despawn() end end
  local step, walk = room:each("box")
  for key, value in pairs(walk) do assert(type(value) == "number", key) end
  walk.slot, walk.last = -1000, 100000
  local count = 0
  for box in step, walk do count = count + 1 end
  assert(count == 5, count)
  walk.slot, walk.last, walk.far = 0.5, 1 / 0, {}
  pcall(function() for i = 1, 100 do walk.last = i; step(walk) end end)
"#,
    );
    assert_eq!(bench.run("go"), "");
    bench.step();
    assert_eq!(bench.world.classes[0].ids, [1, 3, 5, 7, 9]);
}

#[test]
fn bytecode_is_refused() {
    let sources = [("main.lua".to_owned(), "\u{1b}LJ\u{2}".to_owned())];
    let error = LuaFactory::from_sources("test", sources, &settings(true)).err().unwrap().to_string();
    assert!(error.contains("attempt to load a binary chunk (mode is 't')"), "{error}");
}

#[test]
fn what_leaves_a_tick_is_capped() {
    let mut bench = room(
        "for i = 1, 3000 do room:log(i) end local ok, why = pcall(room.broadcast, room, 'x') room.state.why = why player:kick()",
    );
    assert_eq!(bench.run("go"), "");
    assert_eq!(bench.logs().len(), super::super::outbox::EFFECTS_MAX);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Kick { .. })));
    bench.step();
    assert!(bench.state().get("why").text().unwrap().contains("in one tick"));
    let mut bench = room("room:broadcast(('n'):rep(65))");
    assert!(bench.run("go").contains("a message's name has at most 64 bytes"));
    let mut bench = room("local data = ('x'):rep(60000) while true do room:broadcast('x', data) end");
    assert!(bench.run("go").contains("in one tick"));
    assert_eq!(bench.messages().len(), (1 << 20) / 60_005);
    bench.step();
    assert!(bench.run("go").contains("in one tick"));
    assert_eq!(bench.messages().len(), (1 << 20) / 60_005);
}

#[test]
fn errors_cost_one_callback() {
    let mut bench = room("room.state.before = 1 error({ not_text = true })");
    let error = bench.game.message(1, "go", &Value::Nil, None, &mut bench.effects).unwrap_err();
    assert!(!error.is_fatal());
    assert_eq!(bench.run("fine"), "");
    bench.step();
    assert_eq!(bench.state(), &Value::map([("before", 1.0.into()), ("fine", true.into())]));
}

#[test]
fn many_rooms_on_many_threads_are_stopped_alike() {
    let factory = Arc::new(
        LuaFactory::from_sources(
            "test",
            [("main.lua".to_owned(), module("function game.tick(room) while room.tick > 20 do end end"))],
            &settings(true),
        )
        .unwrap(),
    );
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let factory = factory.clone();
            std::thread::spawn(move || {
                for _ in 0..3 {
                    let mut game = factory.create().unwrap();
                    let mut effects = Vec::new();
                    for tick in 1..=20 {
                        game.begin(tick, &mut effects).unwrap();
                        game.tick(&mut effects).unwrap();
                    }
                    game.begin(21, &mut effects).unwrap();
                    assert_eq!(game.tick(&mut effects), Err(GameError::Overrun("tick")));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Depth is an error, never a crash: whatever recurses on the C stack stops early, on a small stack too.
#[test]
fn recursion_ends_in_an_error() {
    for body in [
        "local function f() return 1 + f() end return f()",
        "local function f() local _, why = pcall(f) error(why, 0) end return f()",
        "local function f() return coroutine.wrap(f)() end return f()",
        "local function f() return coroutine.resume(coroutine.create(f)) end return f()",
        "local function f() return (('x'):gsub('x', f)) end return f()",
        "local function f() table.sort({ 3, 2, 1 }, f) end return f()",
        "local function f() return string.format('%s', setmetatable({}, { __tostring = f })) end return f()",
        "local t = {} setmetatable(t, { __lt = function() table.sort { t, t, t } end }) return t < t",
        "local function f() return (('x'):gsub('x', setmetatable({}, { __index = f }))) end return f()",
        "local function f() pcall(string.gsub, 'x', 'x', error) return (('x'):gsub('x', f)) end return f()",
        "local c = coroutine.wrap(function() pcall(coroutine.yield) return error('out') end)
         local function f(n) if n == 5 then c() end if n == 10 then pcall(c) end
           return (('x'):gsub('x', function() return f(n + 1) end)) end return f(0)",
        "local function f() local s = tostring(setmetatable({}, { __tostring = f })) return s end return f()",
        "local t = setmetatable({}, { __index = function(t, k) return 1 + t[k + 1] end }) return t[1]",
        "local t = {} setmetatable(t, { __add = function(a, b) return 1 + (a + b) end }) return t + t",
        "local t = {} setmetatable(t, { __concat = function(a, b) return 'x' .. (a .. b) end }) return t .. t",
        "local t = {} setmetatable(t, { __lt = function(a, b) return not (a < b) end }) return t < t",
        "local t = {} for i = 1, 100000 do t = { t } end room.state.deep = t",
    ] {
        let main = module(&format!("function game.messages.go(room, player)\n{body}\nend"));
        let small = std::thread::Builder::new().stack_size(512 << 10).spawn(move || {
            let mut settings = settings(true);
            settings.budgets.callback_us = 1_000_000;
            let factory = LuaFactory::from_sources("test", [("main.lua".to_owned(), main)], &settings).unwrap();
            let mut bench = Bench::with(factory.create_lua().unwrap());
            bench.join(1);
            println!("{body}: {}", bench.run("go").lines().next().unwrap_or_default());
            drop(bench.try_step(&[]));
        });
        small.unwrap().join().unwrap();
    }
}
