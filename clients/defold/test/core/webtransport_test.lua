-- WebTransport by the page, against a scripted page: what goes over, which transport wins, and links that lose.

local bytes = require "airboat.bytes"
local fake = require "test.core.fake"
local ladder = require "airboat.ladder"
local msgpack = require "airboat.msgpack"
local page = require "airboat.links.page"
local scripted = require "test.core.page"
local support = require "test.core.support"
local timers = require "airboat.timers"

local equal = support.equal
local tests = {}

local OFFER = '{"transports": [{"name": "webtransport", "url": "https://game.test:7777/wt"}], "certificate_hashes": ["00ff", "a1"]}'

local function world()
  local f = fake.new()
  f.page = scripted.new()
  return f
end

-- The page's sessions, as if the newest were a socket of fake.lua.
local function speak(f)
  local socket = { sent = {}, to = { message = function(frame) f.page:piece(bytes.framed(frame)) end } }
  table.insert(f.sockets, socket)
  return function() table.remove(f.sockets) end
end

-- A client in a room over WebTransport.
local function enter(f)
  local made = f:client { transport = "webtransport" }
  local room
  made:join("m", "blue fox", function(joined, err) room = assert(joined, err and err.message) end)
  f:pass(made, 20)
  f.requests[#f.requests].answer(200, OFFER)
  f.page:newest().state = "o"
  f:pass(made, 20)
  local done = speak(f)
  f:welcome()
  f:joined()
  done()
  f:pass(made, 20)
  f.page:newest().sent = {}
  return made, room
end

function tests.all_bytes_go_over_both_ways()
  local random = support.chance("bytes", 3)
  for _ = 1, 200 do
    local s = {}
    for n = 1, random(300) do s[n] = string.char(random(256)) end
    s = table.concat(s)
    local literal = page.literal(s)
    assert(not literal:find("[%c\127-\255]") and not literal:sub(2, -2):find('"', 1, true), literal)
    equal(page.bytes(scripted.new():run("airboat1.echo(" .. literal .. ")")), s)
  end
end

function tests.what_the_server_says_of_itself_is_a_text_to_the_page()
  local f = world()
  local made = f:client { transport = "webtransport" }
  made:join("m", "r", function() end)
  f:pass(made, 20)
  equal(f.requests[1].url, "http://game.test:7777/api/v1/connect")
  f.requests[1].answer(200, '{"transports": [{"name": "webtransport", "url": "x\\"); alert(1); (\\""}], "certificate_hashes": ["\\"]"]}')
  equal(f.page:newest().arguments, '"x\\x22); alert(1); (\\x22", ["\\x22]"]')
end

function tests.the_hello_goes_over_the_stream_and_frames_come_in_pieces()
  local f = world()
  local made = f:client { transport = "webtransport" }
  local room
  made:join("m", "blue fox", function(joined) room = joined end)
  f:pass(made, 20)
  f.requests[1].answer(200, OFFER)
  equal(f.page:newest().arguments, '"https://game.test:7777/wt", ["00ff", "a1"]')
  f:pass(made, 100)
  equal(#f.page:newest().sent, 0, "not before it is open")
  f.page:newest().state = "o"
  f:pass(made, 20)
  local hello = f.page:newest().sent[1]
  equal({ hello[1], bytes.read_u32(hello[2], 1), hello[2]:byte(5, 6) }, { true, #hello[2] - 4, 0x92, 1 })
  local said = {}
  table.insert(f.sockets, { to = { message = function(frame) said[#said + 1] = bytes.framed(frame) end } })
  f:welcome()
  f:joined()
  f:say(5, 19, 1, 101, "x", ("long "):rep(100))
  table.remove(f.sockets)
  said = table.concat(said)
  local heard
  for at = 1, #said, 7 do
    f.page:piece(said:sub(at, at + 6))
    f:pass(made, 20)
    if room and not heard then
      heard = ""
      room:on("x", function(data) heard = heard .. data end)
    end
  end
  equal({ made.status, made.transport, heard }, { "online", "webtransport", ("long "):rep(100) })
end

function tests.what_may_be_lost_goes_by_datagram_unless_it_is_too_long()
  local f = world()
  local made, room = enter(f)
  local link = made._session.link
  link:send(("d"):rep(1100), true)
  link:send(("s"):rep(1101), true)
  link:send("r")
  equal(f.page:newest().sent, {
    { false, ("d"):rep(1100) }, { true, bytes.framed(("s"):rep(1101)) }, { true, bytes.framed("r") },
  })
  f.page:newest().sent = {}
  room:input { mx = 1 }
  f:pass(made, 100)
  assert(#f.page:newest().sent >= 2)
  for _, each in ipairs(f.page:newest().sent) do equal({ each[1], each[2]:byte(1) == 2 or each[2]:byte(1) == 3 }, { false, true }) end
  f.page:newest().sent = {}
  room:press("fire")
  f:pass(made, 40)
  equal(f.page:newest().sent[1][1], true, "a press does not depend on datagrams")
end

local function snapshot(tick, age)
  return "\1\0\7" .. bytes.u16(tick) .. string.char(age) .. ("\0"):rep(5)
end

function tests.a_snapshot_without_its_baseline_is_let_go_and_the_next_goes_on()
  local f = world()
  local made, room = enter(f)
  f.page:datagram(snapshot(105, 2))
  f:pass(made, 20)
  equal({ made.status, room.tick }, { "online", 100 })
  f.page:datagram(snapshot(103, 3))
  f.page:datagram(snapshot(102, 2)) -- overtaken
  f.page:datagram(snapshot(106, 6)) -- against what was acknowledged before
  f:pass(made, 20)
  equal({ made.status, room.tick, #f.reports }, { "online", 106, 0 })
  f.page:datagram("\1\5\7")
  f:pass(made, 20)
  equal({ made.status, #f.reports }, { "reconnecting", 1 }, "what is no frame ends the link")
end

function tests.on_an_ordered_link_a_wrong_baseline_begins_anew()
  local f = fake.new()
  local made = f:enter()
  f:socket().to.message(snapshot(105, 2))
  equal({ made.status, #f.reports }, { "reconnecting", 1 })
end

function tests.datagrams_are_acknowledged_where_no_input_is_made()
  local f = world()
  local made = enter(f)
  f.page:datagram(snapshot(101, 1))
  f.page:datagram(snapshot(102, 2))
  f:pass(made, 20)
  local acks = {}
  for _, each in ipairs(f.page:newest().sent) do
    if each[2]:byte(1) == 5 then acks[#acks + 1] = each end
  end
  equal(acks, { { false, "\5\7" .. bytes.u16(102) } })
  -- It may have been lost, and all that came after it.
  f.page:newest().sent = {}
  f:pass(made, 600)
  local again
  for _, each in ipairs(f.page:newest().sent) do again = again or each[2]:byte(1) == 5 end
  equal(again, true)
end

function tests.what_was_left_out_is_counted()
  local f = world()
  local made = enter(f)
  f.page:missed(3, 0)
  f:pass(made, 20)
  f.page:missed(1, 300)
  f:pass(made, 20)
  equal(made.dropped, 304)
end

function tests.closing_says_bye_first()
  local f = world()
  local made = enter(f)
  made:close()
  local sent = f.page:newest().sent
  equal({ sent[#sent], f.page:newest().state }, { { true, bytes.framed(msgpack.array(2, 7, 50)) }, "x" })
end

-- Which transport wins ------------------------------------------------------------------------------------------------

-- A ladder, and what it comes to; `until_ms` lets time pass.
local function climbing(f, wish)
  local clock = timers.new(f.platform.now)
  local made = ladder.new(f.platform, clock, require("airboat.address").parse("http://game.test:7777"), wish or "auto")
  local c = { made = made, came = {} }
  function c.pass(ms)
    local till = f.time + ms
    while f.time < till do
      f.time = f.time + 20
      clock:run()
    end
  end
  function c.climb()
    c.came = {}
    c.stop = made:climb(function(link) c.came[#c.came + 1] = link and link.transport or "none" end)
    c.pass(20)
  end
  function c.offer() f.requests[#f.requests].answer(200, OFFER) end
  return c
end

function tests.websocket_starts_300_ms_after_webtransport_and_the_first_wins()
  local f = world()
  local c = climbing(f)
  c.climb()
  c.pass(600)
  c.offer()
  c.pass(280)
  equal(#f.sockets, 0, "the head start is not for the asking")
  c.pass(60)
  equal({ #f.sockets, f:socket().state }, { 1, "connecting" })
  f.page:newest().state = "o"
  c.pass(20)
  equal({ c.came, f:socket().state, f.page:newest().state }, { { "webtransport" }, "closed", "o" })

  c.climb()
  c.offer()
  c.pass(340)
  f:open()
  equal({ c.came, f.page:newest().state }, { { "websocket" }, "x" })
  f.page:newest().state = "o"
  c.pass(9000)
  equal(#c.came, 1, "too late")
end

function tests.a_failure_starts_the_next_at_once_and_all_failures_end_it()
  local f = world()
  local c = climbing(f)
  c.climb()
  f.requests[1].answer(404, "")
  c.pass(20)
  equal(#f.sockets, 1)
  f:cut()
  equal(c.came, { "none" })

  -- WebTransport goes on alone for a while, and no longer.
  c = climbing(f)
  c.climb()
  c.offer()
  c.pass(340)
  f:cut()
  c.pass(2900)
  equal({ #c.came, f.page:newest().state }, { 0, "c" })
  c.pass(200)
  equal({ c.came, f.page:newest().state }, { { "none" }, "x" })
end

function tests.an_offer_that_does_not_come_holds_nobody_up()
  local f = world()
  local c = climbing(f)
  c.climb()
  c.pass(1200)
  equal(#f.sockets, 0)
  c.pass(200)
  equal(#f.sockets, 1)
  f:open()
  equal(c.came, { "websocket" })
  c.offer()
  equal(#f.page.links, 0, "nobody waits for it any more")
end

function tests.two_failures_leave_webtransport_out_for_five_minutes()
  local f = world()
  local c = climbing(f)
  for _ = 1, 2 do
    c.climb()
    c.offer()
    c.pass(340)
    f:open()
    c.made:worked("websocket")
    equal(c.came, { "websocket" })
  end
  local asked = #f.requests
  c.climb()
  c.pass(20)
  equal({ #f.requests, f:socket().state }, { asked, "connecting" }, "at once, and alone")
  f:open()
  c.pass(300000)
  c.climb()
  equal(#f.requests, asked + 1)
  c.offer()
  f.page:newest().state = "o"
  c.pass(20)
  c.made:worked("webtransport")
  equal(c.came, { "webtransport" })
end

function tests.given_up_nothing_is_left_open()
  local f = world()
  local c = climbing(f)
  c.climb()
  c.offer()
  c.pass(340)
  c.stop()
  equal({ #c.came, f:socket().state, f.page:newest().state }, { 0, "closed", "x" })
end

function tests.http_comes_last_where_websocket_has_failed_or_is_missing()
  local f = world()
  f.websocket = false
  local c = climbing(f)
  c.climb()
  c.offer()
  c.pass(2900)
  equal(#c.came, 0)
  c.pass(200)
  equal({ c.came, f.page:newest().state }, { { "http" }, "x" })
end

function tests.the_page_is_asked_where_webtransport_may_be_used_only()
  for wish, asked in pairs { auto = true, webtransport = true, websocket = false, http = false } do
    local f = world()
    climbing(f, wish)
    equal(#f.page.codes > 0, asked, wish)
  end
  -- No page, one without WebTransport, and one that garbles.
  for _, answer in ipairs { false, "", "no", "yes" } do
    local f = fake.new()
    f.page = { run = function() return answer or nil end }
    local c = climbing(f, "webtransport")
    c.climb()
    equal({ #f.requests, #f.sockets }, { 0, 1 }, tostring(answer))
  end
end

support.run(tests)
