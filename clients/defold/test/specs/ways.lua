-- How the library gets through, and who one is: HTTP where there is no WebSocket, addresses, connect timers, devices and
-- profiles.

local Player = require "player"

return function(t)
  local test = t.test

  local function player(world, options) return Player.new(world, options, t.server()) end

  -- Ways through ------------------------------------------------------------------------------------------------------

  test("both", "extension-websocket missing: HTTP polling, and a line that says what to add", function(world)
    local ann = player(world, { engine = { without = { websocket = true } } })
    ann:join("pond", world:room("missing"))
    t.equal(ann.client.transport, "http")
    t.equal(ann.app:logged("extension-websocket"), 1)
    ann:say("hello")
    world:wait("its echo", function() return ann:chats()[1] == "hello" end)
  end)

  test("both", "WebSocket blocked: HTTP polling, and back to WebSocket when it opens", function(world)
    local ann = player(world)
    ann.app.websocket.blocked = true
    local name = world:room("blocked")
    ann:join("pond", name)
    t.equal(ann.client.transport, "http")
    local seat = ann.room.me
    ann:say("one")
    ann.app.websocket.blocked = nil
    for n = 1, 60 do
      if ann.client.transport == "websocket" then break end
      ann:say("more " .. n)
      world:pass(0.9)
    end
    t.equal(ann.client.transport, "websocket")
    ann:say("last")
    world:wait("everything", function() return ann:chats()[#ann:chats()] == "last" end)
    local expected = { "one" }
    for n = 1, #ann:chats() - 2 do table.insert(expected, "more " .. n) end
    table.insert(expected, "last")
    t.equal(ann:chats(), expected)
    t.equal(ann.room.me, seat)
  end)

  test("both", "a firewall swallows WebSockets without a word: HTTP polling in the end", function(world)
    local silent, ann = world:peer("silent"), player(world)
    ann.app.websocket.swallowed_by = silent.port
    ann:ask("pond", world:room("swallowed"))
    world:wait("polling", function()
      ann.app:skip(0.15) -- small steps: what takes a frame must not take a second
      return ann.app.http.requests > 0
    end, 150)
    world:wait("the room", function() return ann.joins[1] end)
    t.equal({ ann.joins[1].err, ann.client.transport }, { nil, "http" })
    t.check(#ann.app.websocket.connections <= (world.profile == "html5" and #ann.app.websocket.dialled or 1))
  end)

  test("native", "the game's own sockets fill the pool of two: HTTP polling (from source, unrecorded)", function(world)
    local peer, ann = world:peer("websocket"), nil
    local app = world:app()
    app:script({ init = function()
      for _ = 1, 2 do app.globals.websocket.connect("ws://127.0.0.1:" .. peer.port, {}, function() end) end
    end })
    world:wait("both", function() return peer.links[2] and peer.links[2].open end)
    ann = player(world, { app = app })
    ann:join("pond", world:room("pool"))
    t.equal(ann.client.transport, "http")
  end)

  test("both", "polling: one parked request and one send at a time, and none that costs a preflight", function(world)
    local ann = player(world, { transport = "http" })
    ann:join("pond", world:room("polling"))
    for n = 1, 60 do
      ann:act(function()
        ann.room:input { mx = math.sin(n), my = math.cos(n) }
        ann.room:press("quack")
        ann.room:send("chat", { text = "c" .. n })
      end)
      world:step()
    end
    world:wait("all", function() return #ann:chats() == 60 end)
    t.check(ann.app.http.most <= 2, ann.app.http.most .. " requests at a time")
    t.equal(ann.app.http.preflights, 0)
  end)

  test("both", "a server that accepts and says nothing: the join ends once, with an error", function(world)
    for _, transport in ipairs { "websocket", "http", "auto" } do
      local silent = world:peer("silent")
      local ann = player(world, { url = "http://127.0.0.1:" .. silent.port, transport = transport })
      ann:ask("pond", "nobody")
      world:frames(5)
      t.equal(#ann.joins, 0)
      for _ = 1, 60 do world:pass(0.9) end
      t.equal({ #ann.joins, ann.joins[1].room, ann.joins[1].err.code, ann.joins[1].err.retry }, { 1, nil, 100, true }, transport)
      t.equal(ann:status(), "offline")
    end
  end)

  test("both", "nobody listens: the join ends once, with an error", function(world)
    local ann = player(world, { url = "ws://127.0.0.1:" .. require("host.peer").closed_port() })
    ann:ask("pond", "nobody")
    for _ = 1, 60 do world:pass(0.9) end
    t.equal({ #ann.joins, ann.joins[1].room, ann.joins[1].err.code }, { 1, nil, 100 })
  end)

  test("html5", "an attempt that was given up and opens later is closed, and is never used", function(world)
    local peer = world:peer("websocket")
    peer.hold = true
    local ann = player(world, { url = "http://127.0.0.1:" .. peer.port, transport = "websocket" })
    ann:ask("pond", "late")
    world:wait("the attempt", function() return peer.links[1] end)
    world:wait("it to be given up", function() world:pass(0.9) return #ann.app.websocket.dialled > 1 end)
    peer.hold = nil
    world:wait("the first to be closed", function() return peer.links[1].close_frame end)
    world:wait("a hello on the next", function() return #peer.received > 0 end)
    t.equal(peer.links[1].bytes, "")
    for _, opcode in ipairs(peer.opcodes) do t.equal(opcode, 2) end
    ann:act(function() ann.client:close() end)
  end)

  test("both", "addresses are checked before the engine sees them", function(world)
    for _, url in ipairs { "ftp://127.0.0.1", "ws://", "http://a b", "http://127.0.0.1:99999", "javascript:alert(1)" } do
      local ann = player(world, { url = url })
      t.equal({ ann.client, type(ann.refused) }, { nil, "table" }, url)
      t.check(ann.refused.message and ann.refused.code, url)
    end
  end)

  test("html5", "on a page loaded over https nothing insecure is tried", function(world)
    local ann = player(world, { url = "http://127.0.0.1:7777", engine = { page = "https:" } })
    ann:ask("pond", "secure")
    for _ = 1, 30 do world:pass(0.9) end
    t.check(#ann.app.websocket.dialled > 0 and #ann.app.http.urls > 0)
    for _, url in ipairs(ann.app.websocket.dialled) do t.check(url:find("^wss://"), url) end
    for _, url in ipairs(ann.app.http.urls) do t.check(url:find("^https://"), url) end
    t.equal(ann.joins[1].err.code, 100)
  end)

  test("both", "the address may come from game.project", function(world)
    local address = t.server():url()
    local app = world:app { config = { ["airboat.url"] = address } }
    local room
    app:script({ init = function()
      local client = app.globals.require("airboat.airboat").connect()
      client:join("pond", world:room("project"), function(joined) room = joined end)
    end })
    world:wait("the room", function() return room end)
  end)

  -- Who one is ----------------------------------------------------------------------------------------------------------

  test("both", "started again: the device is the same, and so is the seat", function(world)
    local name = world:room("again")
    local ann = player(world)
    ann:join("pond", name)
    local seat = ann.room.me
    ann.app:quit()
    ann.app.asleep = true
    local witness = player(world, { name = "witness" })
    witness:join("pond", name)
    world:wait("the drop", function() return witness.room.players[seat].connected == false end)
    local again = player(world, { engine = { home = ann.app.home } })
    again:join("pond", name)
    t.equal(again.room.me, seat)
    world:wait("the back", function() return witness.room.players[seat].connected end)
  end)

  test("both", "two profiles on one machine are two devices, and two players", function(world)
    local name = world:room("profiles")
    local ann = player(world, { profile = "a" })
    ann:join("pond", name)
    local bob = player(world, { name = "bob", profile = "b", engine = { home = ann.app.home } })
    bob:join("pond", name)
    t.check(ann.room.me ~= bob.room.me)
    local seats = { ann.room.me, bob.room.me }
    for _, one in ipairs { ann, bob } do
      one.app:quit()
      one.app.asleep = true
    end
    local witness = player(world, { name = "witness" })
    witness:join("pond", name)
    world:wait("both drops", function()
      return witness.room.players[seats[1]].connected == false and witness.room.players[seats[2]].connected == false
    end)
    -- In the other order: it is the device that counts.
    local bob_again = player(world, { name = "bob", profile = "b", engine = { home = ann.app.home } })
    bob_again:join("pond", name)
    local ann_again = player(world, { profile = "a", engine = { home = ann.app.home } })
    ann_again:join("pond", name)
    t.equal({ ann_again.room.me, bob_again.room.me }, seats)
  end)

  test("both", "blocked storage: one plays, and comes back after a drop; a new start is a new device", function(world)
    local name = world:room("storage")
    local ann = player(world, { engine = { storage = "blocked" } })
    ann:join("pond", name)
    local seat = ann.room.me
    ann:offline()
    world:wait("the loss", function() return ann:status() == "reconnecting" end)
    ann:online()
    world:wait("the way back", function() return ann:status() == "online" and #ann.resumed == 1 end)
    t.equal(ann.room.me, seat)
    local again = player(world, { engine = { storage = "blocked", home = ann.app.home } })
    again:join("pond", name)
    t.check(again.room.me ~= seat)
  end)

  test("both", "connecting again with the same options gives the same client", function(world)
    local ann = player(world)
    ann:join("pond", world:room("same"))
    ann:act(function()
      local url = t.server():url()
      t.check(ann.airboat.connect(url, { name = "ann" }) == ann.client)
      t.check(ann.airboat.connect(url, { name = "ann", profile = "b" }) ~= ann.client)
    end)
  end)
end
