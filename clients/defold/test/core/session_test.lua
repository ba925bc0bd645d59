-- The session against a scripted server: coming back, numbering, reasons, and the ways to a server.

local address = require "airboat.address"
local bytes = require "airboat.bytes"
local events = require "airboat.events"
local fake = require "test.core.fake"
local msgpack = require "airboat.msgpack"
local support = require "test.core.support"

local equal = support.equal
local tests = {}

local function list(...) return msgpack.list { ... } end

function tests.the_state_is_complete_when_the_join_ends()
  local f = fake.new()
  local made = f:client()
  local seen
  made:on("status", function(status) seen = (seen or "") .. status .. " " end)
  made:join("m", " blue fox ", function(room, err)
    equal(err, nil)
    seen = seen .. support.show(room.state) .. room.me .. room.players[room.me].name
    equal(room == made.room, true)
  end)
  equal(#f.sockets, 0, "nothing is opened in the caller's name")
  f:pass(made, 20)
  equal(f:socket().url, "ws://game.test:7777/ws")
  f:open()
  local hello = f:take()[1]
  equal(hello[2].join, { module = "m", room = "blue fox" })
  equal(hello[2].device, nil)
  f:welcome()
  f:joined()
  equal(seen, 'connecting online {"n"=1}1Ann')
  equal(f.saved["device-game.test_7777-"], { id = "id", secret = "secret" })
end

function tests.a_lost_link_resumes_and_nothing_is_lost_or_doubled()
  local f = fake.new()
  local made, room = f:enter()
  local resumed
  made:on("resumed", function(how) resumed = how end)
  room:send("a", 1)
  room:send("b", 2)
  equal(f:take(), { list(2, 7, 1, "a", 1), list(2, 7, 2, "b", 2) })
  f:say(5, 19, 1, 101, "x", 1)
  f:cut()
  equal(made.status, "reconnecting")
  room:send("c", 3)
  f:pass(made, 40)
  f:open()
  local hello = f:take()[1][2]
  equal({ hello.resume.token, hello.resume.epoch, hello.resume.tick, hello.resume.received, hello.join },
    { "t1", 7, 100, 1, nil })
  f:welcome("t2")
  f:say(3, 18, 7, 1)
  equal(f:take(), { list(2, 7, 2, "b", 2), list(2, 7, 3, "c", 3) }, "the server has the first")
  equal(resumed, { how = "replayed", messages_lost = 0 })
  equal(made.room == room and made.status, "online")
end

function tests.another_life_renumbers_what_is_not_in_its_state()
  local f = fake.new()
  local made, room = f:enter()
  local state, answers = room.state, {}
  local resumed
  made:on("resumed", function(how) resumed = how end)
  room:call("one", nil, function(_, err) answers.one = err.reason end)
  room:call("two", nil, function(data) answers.two = data end)
  room:send("three", { 3 })
  f:say(3, 24, 1, "restarting")
  f:pass(made, 400)
  f:open()
  f:welcome("t2")
  f:joined({ epoch = 9, applied = 1, messages_lost = 4, tick = 5, documents = { state = { m = 2 }, players = {}, secret = {} } })
  equal(f:take(), {
    list(1, { client = "airboat-defold/0.1.0", device = list("id", "secret"), name = "Ann", protocol = 1,
      resume = { epoch = 7, received = 0, tick = 100, token = "t1" } }),
    list(3, 9, 1, 2, "two", nil), list(2, 9, 2, "three", list(3)),
  })
  f:say(6, 20, 1, 6, 2, true, "yes")
  equal(answers, { one = "lost", two = "yes" })
  equal(resumed, { how = "joined", messages_lost = 4 })
  equal(room.state == state and state.m, 2, "the same table")
  equal(state.n, nil)
end

function tests.repeats_are_dropped_and_gaps_begin_anew()
  local f = fake.new()
  local made, room = f:enter()
  local heard = {}
  room:on("x", function(data) heard[#heard + 1] = data end)
  f:say(5, 19, 1, 101, "x", "a")
  f:say(5, 19, 1, 101, "x", "a")
  f:say(5, 19, 2, 101, "x", "b")
  equal(heard, { "a", "b" })
  f:say(5, 19, 4, 101, "x", "d")
  equal(made.status, "reconnecting")
  f:pass(made, 400)
  f:open()
  equal(f:take()[1][2].resume.tick, 0, "the state is asked for whole")
end

function tests.reasons_say_whether_to_come_back()
  local f = fake.new()
  for reason, back in pairs { [1] = true, [3] = true, [10] = true, [51] = false, [56] = false, [62] = false } do
    local made = f:enter()
    local left
    made:on("left", function(err) left = err end)
    local count = #f.sockets
    f:say(3, 24, reason, "because")
    f:pass(made, 10000)
    if back then
      equal(left, nil, "reason " .. reason)
      assert(#f.sockets > count)
    else
      equal({ left.code, left.message, left.retry, made.room, made.status }, { reason, "because", false, nil, "offline" })
      equal(#f.sockets, count)
    end
  end
end

function tests.a_seat_that_is_gone_is_joined_anew()
  local f = fake.new()
  local made, room = f:enter()
  f:cut()
  f:pass(made, 40)
  f:open()
  f:take()
  f:say(3, 24, 57, "resume refused")
  f:pass(made, 40)
  f:open()
  local hello = f:take()[1][2]
  equal({ hello.resume, hello.join.room, hello.device }, { nil, "Blue Fox", list("id", "secret") })
  f:welcome("t3")
  f:joined({ epoch = 8, player = 5 })
  equal({ made.room == room, room.me }, { true, "5" })
end

function tests.the_pauses_double_up_to_eight_seconds()
  local f = fake.new()
  local made = f:enter({ transport = "websocket" })
  f:cut()
  local pauses, at, tries = {}, f.time, #f.sockets
  for _ = 1, 9 do
    while #f.sockets == tries do f:pass(made, 20) end
    pauses[#pauses + 1] = math.floor((f.time - at) / 125 + 0.5) * 0.125
    tries, at = #f.sockets, f.time
    f:cut()
  end
  equal(pauses, { 0, 0.25, 0.5, 1, 2, 4, 8, 8, 8 })
  -- Back in front: at once.
  made:on_focus(true)
  f:pass(made, 20)
  equal(#f.sockets, tries + 1)
end

function tests.a_socket_that_never_opens_is_given_up_and_closed_should_it_open_later()
  local f = fake.new()
  local made = f:client()
  local err
  made:join("m", "r", function(_, problem) err = problem end)
  f:pass(made, 20)
  local first = f:socket()
  f:pass(made, 5100)
  equal(first.state, "closed")
  assert(#f.sockets == 2)
  first.to.opened()
  equal({ first.state, #first.sent }, { "closed", 0 })
  f:pass(made, 12000)
  equal({ err.reason, err.retry, made.status }, { "unreachable", true, "offline" })
end

function tests.silence_ends_a_link_and_a_pause_of_the_game_does_not()
  local f = fake.new()
  local made = f:enter()
  f:pass(made, 4000)
  equal(made.status, "online")
  -- The game stood still for a minute: nobody could have answered.
  f.time = f.time + 60000
  made:update()
  f:pass(made, 1000)
  equal(made.status, "online")
  f:pass(made, 6000)
  equal(made.status, "reconnecting")
end

function tests.what_is_waited_for_waits_through_a_pause_of_the_game()
  local f = fake.new()
  local made, room = f:enter()
  local answer, reason
  room:call("x", nil, function(data) answer = data end)
  room:call("y", nil, function(_, err) reason = err.reason end)
  f.time = f.time + 60000
  made:update() -- the answer is still on its way
  f:say(6, 20, 1, 101, 1, true, "yes")
  equal({ answer, reason }, { "yes", nil })
  f:pass(made, 31000)
  equal(reason ~= nil, true, "and the other waits no longer than it should")
end

function tests.refused_joins_leave_one_where_one_is()
  local f = fake.new()
  local made, room = f:enter()
  local err
  made:join("m", "full", function(_, problem) err = problem end)
  f:pass(made, 20)
  equal(f:take()[1], list(4, { module = "m", room = "full" }))
  f:say(3, 25, 58, "")
  equal({ err.reason, err.message, made.room == room, room.open }, { "room_full", "room full", true, true })
  room:send("a")
  equal(f:take()[1][4], "a")
end

function tests.leaving_waits_for_the_answer_and_settles_calls()
  local f = fake.new()
  local made, room = f:enter()
  local reason, left
  room:call("x", nil, function(_, err) reason = err.reason end)
  room:leave(function() left = true end)
  equal(left, nil)
  f:say(1, 26)
  equal({ left, reason, made.room, room.open, room:send("y") }, { true, "closed", nil, false, false })
end

function tests.coroutines_wait_and_errors_in_callbacks_hurt_nobody()
  local f = fake.new()
  local made, room = f:enter()
  local trail = {}
  events.run(function()
    trail[#trail + 1] = room:call("x")
    local data, err = room:call("y", nil, { timeout = 1 })
    trail[#trail + 1] = tostring(data) .. " " .. err.reason
    error("a slip")
  end)
  f:say(6, 20, 1, 101, 1, true, "yes")
  f:pass(made, 1100)
  equal(trail, { "yes", "nil timeout" })
  assert(f.reports[1]:find("a slip", 1, true), f.reports[1])
  room:on("z", function() error("another") end)
  room:on("z", function(data) trail[#trail + 1] = data end)
  f:say(5, 19, 2, 101, "z", "heard")
  equal({ trail[3], made.status }, { "heard", "online" })
  assert(f.reports[2]:find("another", 1, true))
end

function tests.a_message_that_the_module_does_not_have_is_told_and_costs_no_seat()
  local f = fake.new()
  local made, room = f:enter()
  local left = false
  made:on("left", function() left = true end)
  assert(room:send("nope", 1))
  f:say(3, 25, 65, 'unknown message "nope"')
  equal({ left, made.status, made.room == room, room.open, #f.reports }, { false, "online", true, true, 1 })
  assert(f.reports[1]:find("nope", 1, true), f.reports[1])
end

function tests.messages_that_came_with_the_join_wait_for_listeners()
  local f = fake.new()
  local made = f:client()
  local room, heard
  made:join("m", "r", function(joined) room = joined end)
  f:pass(made, 20)
  f:open()
  f:welcome()
  f:joined()
  f:say(5, 19, 1, 101, "x", "early")
  room:on("x", function(data) heard = data end)
  equal(heard, nil)
  f:pass(made, 20)
  equal(heard, "early")
end

function tests.the_inbox_is_bounded_and_counts()
  local f = fake.new()
  local _, room = f:enter()
  local box = room:inbox("x")
  for i = 1, 300 do f:say(5, 19, i, 101, "x", i) end
  equal(box.dropped, 300 - 256)
  local first, count
  for message in box:each() do
    first, count = first or message.data, (count or 0) + 1
  end
  equal({ first, count, box:next() }, { 45, 256, nil })
  box:close()
  f:say(5, 19, 301, 101, "x", 1)
  equal(box:next(), nil)
end

-- HTTP ------------------------------------------------------------------------------------------------------------------

local TOKEN = ("T"):rep(16)

local function answer(request, ...)
  local parts = { TOKEN, request.body:sub(17, 20) }
  for i = 1, select("#", ...) do parts[#parts + 1] = bytes.framed((select(i, ...))) end
  request.answer(200, table.concat(parts))
end

function tests.two_failures_lead_to_http_and_websocket_is_tried_beside_it()
  local f = fake.new()
  local made = f:client()
  local room
  made:join("m", "r", function(joined) room = joined end)
  for _ = 1, 2 do
    local count = #f.sockets
    while #f.sockets == count do f:pass(made, 20) end
    f:cut()
  end
  while #f.requests == 0 do f:pass(made, 20) end
  local hello = f.requests[1]
  equal({ hello.url, hello.body:sub(1, 16), hello.body:byte(21) }, { "http://game.test:7777/poll", ("\0"):rep(16), 0 })
  -- What a server says, out of the same mouth.
  local said = {}
  local socket = { to = { message = function(frame) said[#said + 1] = frame end } }
  table.insert(f.sockets, socket)
  f:welcome()
  f:joined()
  answer(hello, said[1], said[2])
  equal({ room.name, made.transport ~= nil and made._session.link.transport }, { "Blue Fox", "http" })
  f:pass(made, 20)
  local parked = f.requests[#f.requests - 1].body:byte(21) == 1 and f.requests[#f.requests - 1] or f.requests[#f.requests]
  equal({ parked.body:sub(1, 16), parked.body:byte(21), parked.seconds }, { TOKEN, 1, 30 })
  table.remove(f.sockets)
  local count = #f.sockets
  f:pass(made, 3500)
  equal(#f.sockets, count + 1, "a probe")
  f:open()
  equal(made._session.link.transport, "websocket")
  equal(f:take()[1][2].resume.token, "t1")
  f:say(3, 18, 7, 0)
  equal(made.status, "online")
  parked.answer(200, TOKEN .. "\9\0\0\0" .. bytes.framed("junk"))
  equal(made.status, "online", "nobody listens to the old link")
end

function tests.a_websocket_that_opens_and_is_silent_is_not_tried_again_soon()
  local f = fake.new()
  local ladder = require("airboat.ladder").new(f.platform, require("airboat.timers").new(f.platform.now),
    address.parse("http://a"), "auto")
  local timers, opened = ladder._timers, 0
  local function probe(until_ms)
    while f.time < until_ms do
      f.time = f.time + 100
      timers:run()
      ladder:probe(f.time, function() opened = opened + 1 end)
      if f:socket() and f:socket().state == "connecting" then f:open() end
    end
  end
  ladder:worked("http")
  probe(3500)
  equal(opened, 1)
  ladder:failed("websocket") -- no answer to the hello
  ladder:worked("http")
  probe(100000)
  equal(opened, 1)
  probe(320000)
  equal(opened, 2)
  ladder:worked("websocket")
  ladder:worked("http")
  probe(325000)
  equal(opened, 3)
end

function tests.closing_ends_all_joins_that_wait()
  local f = fake.new()
  local made = f:client()
  local reasons = {}
  for i = 1, 3 do made:join("m", "r" .. i, function(_, err) reasons[i] = err.reason end) end
  f:pass(made, 20)
  made:close()
  equal(reasons, { "closed", "closed", "closed" })
  f:pass(made, 1000)
  equal({ #f.sockets, f:socket().state, made.status }, { 1, "closed", "offline" })
end

function tests.a_request_that_fails_is_sent_again_as_it_was()
  local f = fake.new()
  f.websocket = false
  local made = f:client()
  made:join("m", "r", function() end)
  f:pass(made, 20)
  local body = f.requests[1].body
  f.requests[1].answer(0, "")
  f:pass(made, 300)
  equal(f.requests[2].body, body)
  f.requests[2].answer(502, "Bad Gateway")
  f:pass(made, 600)
  equal({ #f.requests, f.requests[3].body == body }, { 3, true })
  f.requests[3].answer(0, "")
  equal(made.status, "connecting")
end

function tests.lists_and_free_names_are_asked_for_and_end_always()
  local f = fake.new()
  local made = f:client()
  local rooms, err, room
  made:list("m", function(r) rooms = r end)
  made:list(function(_, problem) err = problem end)
  f:pass(made, 20)
  equal({ f.requests[1].url, f.requests[2].url },
    { "http://game.test:7777/api/v1/rooms?module=m", "http://game.test:7777/api/v1/rooms" })
  f.requests[1].answer(200, '{"rooms": [{"room": "a", "players": 1, "seats": 2}]}')
  equal(rooms[1].room, "a")
  f:pass(made, 9100) -- the second is never answered
  equal(err.reason, "timeout")
  -- Rooms with a free seat, the fullest first; the full one is not tried.
  made:quick("m", function(joined) room = joined end)
  f:pass(made, 20)
  f.requests[3].answer(200, '{"rooms": [{"room": "a", "players": 1, "seats": 8}, {"room": "b", "players": 3, "seats": 8}, '
    .. '{"room": "c", "players": 8, "seats": 8}]}')
  f:pass(made, 20)
  f:open()
  equal(f:take()[1][2].join.room, "b")
  f:welcome()
  f:say(3, 25, 58, "")
  f:pass(made, 20)
  equal(f:take()[1], list(4, { module = "m", room = "a" }))
  f:joined({ room = "a" })
  equal(room.name, "a")
end

function tests.addresses()
  local good = {
    ["http://a.b:7777"] = { "http://a.b:7777/", "ws://a.b:7777/ws" },
    ["wss://play.example.com"] = { "https://play.example.com/", "wss://play.example.com/ws" },
    ["https://x/games"] = { "https://x/games/", "wss://x/games/ws" },
    [" localhost:1 "] = { "http://localhost:1/", "ws://localhost:1/ws" },
    ["ws://[::1]:7777/"] = { "http://[::1]:7777/", "ws://[::1]:7777/ws" },
  }
  for text, wanted in pairs(good) do
    local place = assert(address.parse(text))
    equal({ place.http, place.websocket }, wanted, text)
  end
  equal(address.parse("http://a", true).websocket, "wss://a/ws", "on a secure page")
  for _, bad in ipairs { "", "ftp://a", "http://", "http://a b", "http://a:0", "http://a:99999", "http://a:x", "ws://a/?q", "http://a..b",
    "javascript:alert(1)", "http://[::1" } do
    local place, problem = address.parse(bad)
    assert(place == nil and type(problem) == "string", bad)
  end
  local made, err = require("airboat.client").new({ url = "nonsense://" }, fake.new().platform)
  equal({ made, err.reason, err.retry }, { nil, "bad_url", false })
end

support.run(tests)
