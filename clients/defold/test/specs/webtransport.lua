-- WebTransport in browsers: real pages in a real Chromium, the real server, and now and then a network between them that loses.

local Peer = require "host.peer"
local Player = require "player"

return function(t)
  local test = t.test

  -- Somebody in a page. options as of player.lua, `prelude` of the page.
  local function player(world, options, server)
    options = options or {}
    server = server or t.server()
    local page = world:page(server, options.prelude)
    options.engine = { browser = page }
    return function() return Player.new(world, options, server) end, page
  end

  local function agree(world, ann, more)
    local right = ann.room.hashes.right
    world:wait("hashes", function() return ann.room.hashes.right >= right + (more or 2) end)
    t.equal(ann.room.hashes.wrong, 0)
  end

  local function drive(ann)
    ann:act(function() ann.room:input { mx = 1, my = 0.5, aim = 1 } end)
  end

  -- The stand-in ------------------------------------------------------------------------------------------------------

  test("html5", "html5.run: a text up to its first NUL, in UTF-8", function(world)
    local run = world:app({ browser = world:page(t.server()) }).globals.html5.run
    t.equal({ run("6 * 7"), run("''"), run("location.protocol"), run("'\\u0100' + 'é'") }, { "42", "", "http:", "\196\128é" })
    t.equal({ run("'a\\0b'"), run("1 + 1\0 + 1"), run("self.isSecureContext"), run(7) }, { "a", "2", "true", "7" })
    t.raises("string expected", run, {})
  end)

  test("html5", "html5.run: nil for null and undefined (from source, unrecorded)", function(world)
    local run = world:app({ browser = world:page(t.server()) }).globals.html5.run
    t.equal({ run("null") == nil, run("undefined") == nil, run("var x = 1") == nil }, { true, true, true })
  end)

  for _, code in ipairs { "throw new Error('no')", "nothing_of_this_name", "1 +", "new WebTransport('nonsense')" } do
    test("html5", "html5.run: what is thrown ends the program (inferred): " .. code, function(world)
      local app = world:app { browser = world:page(t.server()), may_abort = true }
      t.raises("the engine is gone", function() app:script { init = function() pcall(app.globals.html5.run, code) end } end)
      t.check(app.aborted:find("Error"), app.aborted)
    end)
  end

  -- The library -------------------------------------------------------------------------------------------------------

  test("html5", "one call of the page a frame, and few more", function(world)
    local start = player(world, { transport = "webtransport" })
    local ann = start()
    ann:join("tank8", world:room("wt-calls"))
    drive(ann)
    local calls, frames = ann.app.browser.calls, ann.app.frames
    world:wait("a hundred frames", function() return ann.app.frames >= frames + 100 end)
    calls, frames = ann.app.browser.calls - calls, ann.app.frames - frames
    t.check(calls >= frames and calls <= 2 * frames + 20, calls .. " calls in " .. frames .. " frames")
  end)

  test("html5", "by itself where the page has it; without extension-websocket, too", function(world)
    local page = world:page(t.server())
    local ann = Player.new(world, { engine = { browser = page, without = { websocket = true } } }, t.server())
    ann:join("tank8", world:room("wt-alone"))
    t.equal(ann.client.transport, "webtransport")
    drive(ann)
    agree(world, ann)
    t.equal({ ann.client.dropped, #ann.resumed }, { 0, 0 })
  end)

  test("html5", "a page without WebTransport: WebSocket, and no script of ours in it", function(world)
    local start, page = player(world, { prelude = "delete self.WebTransport;" })
    local ann = start()
    ann:join("tank8", world:room("wt-missing"))
    t.equal({ ann.client.transport, page:run("typeof WebTransport + typeof airboat1") }, { "websocket", "undefinedundefined" })
    agree(world, ann)
  end)

  test("html5", "switched off: WebSocket, and no script of ours in the page", function(world)
    local start, page = player(world, { transport = "websocket" })
    local ann = start()
    ann:join("tank8", world:room("wt-off"))
    t.equal({ ann.client.transport, page:run("typeof WebTransport + typeof airboat1") }, { "websocket", "functionundefined" })
  end)

  test("html5", "a network that swallows UDP: WebSocket, and later WebTransport is not even tried", function(world)
    local start, page = player(world)
    local ann, relay = start(), world:relay(t.server(), page)
    relay.loss = 1
    ann:join("tank8", world:room("wt-swallowed"))
    t.equal(ann.client.transport, "websocket")
    t.check(relay.lost > 0, "it was tried")
    for n = 1, 2 do
      ann.app:cut()
      world:wait("the way back", function() return #ann.resumed == n end)
    end
    t.equal({ ann.client.transport, page:run("sessions.length") }, { "websocket", "0" })
    agree(world, ann)
  end)

  test("html5", "nobody listens at its port, nor at that of WebSocket: HTTP polling", function(world)
    local start, page = player(world)
    local ann = start()
    page:run("relay = " .. Peer.closed_port())
    ann.app.websocket.blocked = true
    ann:join("tank8", world:room("wt-nobody"))
    t.equal(ann.client.transport, "http")
    agree(world, ann)
  end)

  -- What an engine might do instead of answering.
  local broken = {
    { "raises", function() error("no JavaScript here") end },
    { "answers nothing", function() end },
    { "answers a number", function() return 7 end },
    { "answers other letters than it was told", function(code, run) return (run(code):gsub("[\128-\255]", "?")) end },
  }
  for _, row in ipairs(broken) do
    local what, answer = row[1], row[2]
    test("html5", "html5.run " .. what .. ": WebSocket", function(world)
      local app = world:app { browser = world:page(t.server()) }
      local run = app.globals.html5.run
      app.globals.html5.run = function(code) return answer(code, run) end
      local ann = Player.new(world, { app = app }, t.server())
      ann:join("tank8", world:room("wt-broken"))
      t.equal(ann.client.transport, "websocket")
    end)
  end

  test("html5", "html5.run stops answering in the middle: the seat is kept over WebSocket", function(world)
    local start = player(world)
    local ann = start()
    ann.app.websocket.blocked = true
    ann:join("tank8", world:room("wt-middle"))
    t.equal(ann.client.transport, "webtransport")
    local seat = ann.room.me
    ann.app.globals.html5.run = function() error("gone") end
    ann.app.websocket.blocked = nil
    world:wait("the way back", function() return #ann.resumed > 0 and ann:status() == "online" end)
    t.equal({ ann.client.transport, ann.room.me }, { "websocket", seat })
    agree(world, ann)
  end)

  test("html5", "a fifth of all packets lost: no link breaks, and the state is the room's", function(world)
    local start, page = player(world, { transport = "webtransport" })
    local ann, relay = start(), world:relay(t.server(), page)
    local witness = Player.new(world, { name = "witness" }, t.server())
    local room = world:room("wt-loss")
    witness:join("tank8", room)
    ann:join("tank8", room)
    relay.loss = 0.2
    for n = 1, 6 do
      local tick = ann.room.tick
      ann:act(function()
        ann.room:input { mx = math.sin(n), my = math.cos(n), aim = n }
        ann.room:press("fire")
      end)
      ann:say("n" .. n)
      world:wait("half a second of it", function() return ann.room.tick >= tick + 15 end)
    end
    agree(world, ann, 1)
    world:wait("what was said", function() return #witness:chats() == 6 and #ann:chats() == 6 end)
    t.check(relay.lost > 20, relay.lost .. " packets lost")
    t.equal({ witness:chats()[1], witness:chats()[6], #ann.resumed, ann:status() }, { "n1", "n6", 0, "online" })
  end)

  test("html5", "much over the stream, in pieces", function(world)
    local start = player(world, { transport = "webtransport" })
    local ann, heard = start(), 0
    ann:join("pond", world:room("wt-flood"))
    ann.room:on("flood", function() heard = heard + 1 end)
    for n = 1, 5 do
      ann:act(function() ann.room:send("flood", { count = 4, size = 15000 }) end)
      world:wait("the flood", function() return heard == n * 4 end)
    end
    agree(world, ann)
  end)

  test("html5", "a game that draws no frames: the page keeps the newest datagrams, and counts the others", function(world)
    local start = player(world, { transport = "webtransport" })
    local ann, witness = start(), Player.new(world, { name = "witness" }, t.server())
    local room = world:room("wt-sleep")
    ann:join("tank8", room)
    witness:join("tank8", room)
    local chats, tick = ann.room.state.chats, witness.room.tick
    ann.app.asleep = true
    witness:say("while you slept")
    world:wait("more ticks than may wait", function() return witness.room.tick > tick + 150 end)
    ann.app.asleep = false
    world:wait("the newest", function() return ann.room.tick >= witness.room.tick - 30 and ann:chats()[1] end)
    t.equal({ ann:chats(), ann.room.state.chats, #ann.resumed }, { { "while you slept" }, chats + 1, 0 })
    t.check(ann.client.dropped > 0, "dropped: " .. ann.client.dropped)
    agree(world, ann)
  end)

  test("html5", "the server stops in order and starts again: back by itself", function(world)
    local server = t.own_server()
    local start = player(world, { transport = "webtransport" }, server)
    local ann = start()
    ann:join("tank8", "wt-restart")
    server:stop()
    world:wait("the loss", function() return ann:status() == "reconnecting" end)
    server:start()
    world:wait("the way back", function() return ann:status() == "online" and ann.client.room and ann.client.room.players[ann.client.room.me] end)
    t.equal({ #ann.left, ann.client.transport }, { 0, "webtransport" })
    agree(world, ann)
    server:kill()
  end)

  test("html5", "two clients in one page do not hear each other", function(world)
    local page = world:page(t.server())
    local one, two = world:app { browser = page }, world:app { browser = page }
    local ann = Player.new(world, { app = one, transport = "webtransport" }, t.server())
    local bob = Player.new(world, { app = two, transport = "webtransport", name = "bob" }, t.server())
    local room = world:room("wt-two")
    ann:join("tank8", room)
    bob:join("tank8", room)
    t.check(ann.room.me ~= bob.room.me)
    agree(world, ann)
    agree(world, bob)
    ann:act(function() ann.client:close() end)
    world:wait("the seat to be free", function() return bob.room.players[ann.room.me] == nil end)
    t.equal(bob:status(), "online")
  end)
end
