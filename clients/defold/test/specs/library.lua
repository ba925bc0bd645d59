-- What the library promises a Defold user, against the real server.

local Player = require "player"

return function(t)
  local test = t.test

  local function player(world, options) return Player.new(world, options, t.server()) end

  -- Scripts and frames ------------------------------------------------------------------------------------------------

  test("both", "the owner script deleted: one line says so, whoever calls afterwards", function(world)
    local ann = player(world)
    ann:join("pond", world:room("watchdog"))
    local other = ann.app:script({}, "/other")
    local function call() ann.app:as(other, function() ann.client:list("pond", function() end) end) end
    call()
    ann.app:delete(ann.script)
    world:step()
    t.equal(ann.app:logged("deleted"), 0)
    for _ = 1, 10 do
      ann.app:skip(0.9)
      call()
      world:step()
    end
    t.equal(ann.app:logged("deleted"), 1)
  end)

  test("both", "a long frame is no deleted script", function(world)
    local ann = player(world)
    ann:join("pond", world:room("longframe"))
    for _ = 1, 5 do
      ann.app:skip(3)
      ann:act(function() ann.client:list("pond", function() end) end)
      world:step()
    end
    t.equal({ ann.app:logged("deleted"), ann:status() }, { 0, "online" })
  end)

  for _, transport in ipairs { "websocket", "http" } do
    test("both", "a gap of seconds between frames: the same link, the newest state, over " .. transport, function(world)
      local ann = player(world, { transport = transport })
      ann:join("pond", world:room("gap-" .. transport))
      ann:act(function() ann.room:input { mx = 1 } end)
      world:wait("ticks", function() return ann.room.tick > 20 end)
      local seat, tick = ann.room.me, ann.room.tick
      ann.app.asleep = true
      world:frames(100)
      ann.app.asleep = false
      world:wait("the newest state", function() return ann.room.tick > tick + 50 end)
      world:wait("a view near it", function() return ann.room.tick - ann.room.view_tick < 15 end)
      local right = ann.room.hashes.right
      world:wait("hashes", function() return ann.room.hashes.right > right + 1 end)
      t.equal({ ann.room.me, ann.room.hashes.wrong, #ann.resumed, ann:status() }, { seat, 0, 0, "online" })
    end)
  end

  test("both", "focus gained: a client that was to wait longer dials at once", function(world)
    local ann = player(world, { transport = "websocket" })
    ann:join("pond", world:room("focus"))
    ann:offline()
    world:wait("the loss", function() return ann:status() == "reconnecting" end)
    world:pass(20) -- attempts fail, pauses grow
    world:wait("a pause", function() return #ann.app.websocket.connections == 0 end)
    local dialled = #ann.app.websocket.dialled
    ann:online()
    ann:act(function() ann.client:on_focus(true) end)
    world:step()
    t.check(#ann.app.websocket.dialled > dialled, "dialled at once")
    world:wait("the link", function() return ann:status() == "online" end)
    t.equal(#ann.resumed, 1)
    ann:act(function() ann.client:on_focus(false) end)
    world:frames(5)
    t.equal(ann:status(), "online")
  end)

  test("both", "messages fetched from an inbox are handled with one's own context; listeners have the owner's", function(world)
    local ann = player(world)
    ann:join("pond", world:room("context"))
    local g, ids = ann.app.globals, {}
    ann.app:script({
      init = function(self)
        self.inbox = ann.room:inbox("chat")
        ann.room:on("chat", function() ids.listener = tostring(g.go.get_id()) end)
      end,
      update = function(self)
        for message in self.inbox:each() do ids.inbox = tostring(g.go.get_id()) .. message.name .. message.data.text end
      end,
    }, "/hero")
    local gui_ran
    local hud = ann.app:script({
      init = function(self) self.inbox = ann.room:inbox("chat") end,
      update = function(self)
        for message in self.inbox:each() do
          local gui = ann.app.gui_globals.gui
          gui.set_text(gui.get_node("line"), message.data.text)
          gui_ran = true
        end
      end,
    }, "/hud", "gui_script")
    ann:say("hello")
    world:wait("all of them", function() return ids.inbox and ids.listener and gui_ran end)
    t.equal(ids.inbox, "hash: [/hero]chathello")
    t.check(ids.listener ~= "hash: [/hero]", "the trap is still there, so that the docs must tell of it")
    t.equal(hud.nodes.line.text, "hello")
  end)

  test("both", "an inbox is bounded, keeps the newest, and counts what it dropped", function(world)
    local ann = player(world)
    ann:join("pond", world:room("inbox"))
    local box = ann.room:inbox("many")
    local seen = 0
    ann.room:on("many", function() seen = seen + 1 end)
    for _ = 1, 6 do
      local before = seen
      ann:act(function() ann.room:send("many", { count = 50 }) end)
      world:wait("fifty", function() return seen == before + 50 end)
    end
    local got, last = 0, nil
    for message in box:each() do
      got = got + 1
      if last then t.equal(message.data.n, last.data.n % 50 + 1) end
      last = message
    end
    t.equal({ got + box.dropped, last.data.n, box.dropped > 0 }, { 300, 50, true })
    box:close()
    ann:act(function() ann.room:send("many", { count = 1 }) end)
    world:wait("one more", function() return seen == 301 end)
    t.equal(box:next(), nil)
  end)

  test("both", "message mode: small messages whole, large ones by name alone", function(world)
    local ann = player(world)
    ann:join("pond", world:room("post"))
    local g, got = ann.app.globals, {}
    local listener = ann.app:script({ on_message = function(_, id, message) table.insert(got, { id = tostring(id), message = message }) end }, "/listener")
    local stop
    ann.app:as(listener, function() stop = ann.room:post_to(g.msg.url(), "large", "chat") end)
    ann:act(function() ann.room:send("large", { size = 100 }) end)
    world:wait("the small one", function() return got[1] end)
    ann:act(function() ann.room:send("large", { size = 3000 }) end)
    world:wait("the large one", function() return got[2] end)
    t.equal({ got[1].id, #got[1].message.data.text, got[2].message.large, got[2].message.data }, { "hash: [large]", 100, true })
    ann:say("hi")
    world:wait("chat", function() return got[3] end)
    t.equal(got[3].message.data.text, "hi")
    stop()
    ann:say("again")
    world:wait("it", function() return #ann:chats() == 2 end)
    world:frames(3)
    t.equal(#got, 3)
  end)

  test("both", "a listener that raises is reported and hides nothing from the others", function(world)
    local ann = player(world)
    ann:join("pond", world:room("raises"))
    local heard = {}
    ann.room:on("chat", function() error("my mistake") end)
    ann.room:on("chat", function(data) table.insert(heard, data.text) end)
    ann.room:watch("state.said", function() error("my other mistake") end)
    ann:say("one")
    ann:say("two")
    world:wait("both", function() return #heard == 2 end)
    world:wait("the reports", function() return ann.app:logged("my mistake") == 2 and ann.app:logged("my other mistake") > 0 end)
    t.equal(ann:status(), "online")
  end)

  test("both", "a game that drives the client itself", function(world)
    local app, room = world:app(), nil
    local airboat, client
    app:script({
      init = function()
        airboat = app.globals.require "airboat.airboat"
        client = airboat.connect(t.server():url(), { drive = false })
        client:join("pond", world:room("drive"), function(joined) room = joined end)
      end,
    }, "/owner")
    world:frames(60)
    t.equal({ room, app.timers:count() }, { nil, 0 })
    app:script({ update = function() airboat.update() end })
    world:wait("the room", function() return room end)
    local tick = room.tick
    world:wait("ticks", function() return room.tick > tick + 10 end)
    -- Closed where the server hears nothing of it: the socket ends all the same.
    app.websocket:swallow()
    client:close()
    local connection = app.websocket.connections[1]
    t.equal(connection.state, "connected")
    world:wait("the socket to be closed", function() return connection.state ~= "connected" end, 120)
  end)

  test("both", "a gui script may be the owner", function(world)
    local app, room = world:app { config = { ["script.shared_state"] = "1" } }, nil
    app:script({ init = function()
      app.gui_globals.require("airboat.airboat").connect(t.server():url()):join("pond", world:room("gui"), function(joined) room = joined end)
    end }, "/hud#hud", "gui_script")
    world:wait("the room", function() return room end)
  end)

  test("both", "hot reload of the library: the live client stays", function(world)
    local ann = player(world)
    ann:join("pond", world:room("reload"))
    local loaded = ann.app.globals.package.loaded
    loaded["airboat.airboat"] = nil
    ann:act(function()
      local again = ann.app.globals.require "airboat.airboat"
      t.check(again ~= ann.airboat)
      t.check(again.connect(t.server():url(), { name = "ann" }) == ann.client)
    end)
    local tick = ann.room.tick
    world:wait("ticks", function() return ann.room.tick > tick + 10 end)
    t.equal(ann:status(), "online")
  end)

  for _, transport in ipairs { "websocket", "http" } do
    test("both", "closing gives the seat up at once, over " .. transport, function(world)
      local name = world:room("close-" .. transport)
      local witness, ann = player(world, { name = "witness" }), player(world, { transport = transport })
      witness:join("pond", name)
      ann:join("pond", name)
      local seat = ann.room.me
      ann:act(function() ann.client:close() end)
      -- Far less than the time a seat waits for its player.
      world:wait("the seat to be free", function() return witness.room.players[seat] == nil end, 600)
      t.equal({ ann:status(), #ann.left, ann.client.room }, { "offline", 1 })
      world:wait("its sockets to be gone", function() return #ann.app.websocket.connections == 0 and ann.app.timers:count() == 0 end)
    end)
  end

  test("both", "time: the round trip is measured, and the room's clock is known", function(world)
    local ann = player(world, { transport = "websocket" })
    ann:join("pond", world:room("time"))
    world:wait("pings", function() return ann.client.rtt > 0 end)
    world:wait("a clock that agrees with the ticks", function()
      local seconds = ann:act(function() return ann.client:server_time() end)
      return math.abs(seconds - ann.room.tick / ann.room.schema.tick_rate) < 0.2
    end)
    t.check(ann.room.view_tick <= ann.room.tick + 30 and ann.client.jitter >= 0)
  end)

  test("both", "callbacks and coroutines alike", function(world)
    local ann, steps = player(world), {}
    local name = world:room("coroutine")
    ann:act(function()
      ann.airboat.run(function()
        local room, err = ann.client:join("pond", name)
        steps.join = { room and room.name, err }
        local echo = room:call("echo", { 1, "two" })
        steps.echo = echo
        local _, problem = room:call("nothing of that name")
        steps.problem = problem and problem.code ~= nil
        local rooms = ann.client:list("pond")
        for _, each in ipairs(rooms) do if each.room == name then steps.listed = each.players end end
        local _, unknown = ann.client:join("no-such-module", "x")
        steps.unknown = { unknown.code, unknown.retry }
        room:leave()
        steps.left = not room.open
        local quick = ann.client:quick("pond")
        steps.quick = quick and quick.module
        steps.done = true
        error("at the end")
      end)
    end)
    world:wait("the coroutine", function() return steps.done end)
    t.equal(steps, {
      join = { name }, echo = { 1, "two" }, problem = true, listed = 1, unknown = { 59, false }, left = true, quick = "pond",
      done = true,
    })
    t.check(ann.app:logged("at the end") == 1 and ann.app:logged("traceback") > 0, "errors of the coroutine are told")
  end)

  -- Rooms ----------------------------------------------------------------------------------------------------------------

  test("both", "documents: lists, depth, one's own secret, watchers", function(world)
    local name = world:room("documents")
    local ann, bob = player(world), player(world, { name = "bob", transport = "http" })
    ann:join("pond", name)
    bob:join("pond", name)
    t.equal({ ann.room.secret.colour, bob.room.secret.colour }, { "colour of " .. ann.room.me, "colour of " .. bob.room.me })
    t.equal({ ann.room.state.deep.a.b.c, #ann.room.state.list }, { 1, 0 })
    local watched = {}
    ann.room:watch("state.list", function(value) table.insert(watched, #value) end)
    bob.room:watch("players." .. ann.room.me .. ".state.quacks", function(value) watched.quacks = value end)
    for n = 1, 3 do ann:say("s" .. n) end
    ann:act(function() ann.room:press("quack") end)
    world:wait("the list", function() return #bob.room.state.list == 3 and watched.quacks == 1 and watched[#watched] == 3 end)
    t.equal({ bob.room.state.list[1], bob.room.state.list[3], bob.room.state.said }, { "s1", "s3", 3 })
  end)

  local function quacks(ann) return ann.room.players[ann.room.me].state.quacks end

  for _, transport in ipairs { "websocket", "http" } do
    test("both", "presses are neither lost nor doubled over lossy " .. transport, function(world)
      local ann = player(world, { transport = transport, engine = { loss = 0.05 } })
      ann:join("pond", world:room("presses-" .. transport))
      for _ = 1, 30 do
        ann:act(function() ann.room:press("quack") end)
        world:frames(4)
      end
      world:wait("thirty", function() return quacks(ann) >= 30 end)
      world:frames(30)
      t.equal(quacks(ann), 30)
    end)
  end

  -- On the wire a press is a count modulo 4: of seven that are lost, three would be seen.
  test("both", "presses that were on their way when the link broke come through, however many", function(world)
    local ann = player(world, { transport = "websocket" })
    ann:join("pond", world:room("lost-presses"))
    ann:act(function() ann.room:press("quack") end)
    world:wait("the first", function() return quacks(ann) == 1 end)
    for n = 1, 3 do
      ann.app.websocket:swallow()
      for _ = 1, 7 do
        ann:act(function() ann.room:press("quack") end)
        world:frames(4)
      end
      t.equal(quacks(ann), 1 + (n - 1) * 7)
      ann:offline()
      world:wait("the loss", function() return ann:status() == "reconnecting" end)
      ann:online()
      world:wait("all", function() return quacks(ann) >= 1 + n * 7 end)
    end
    world:frames(30)
    t.equal({ quacks(ann), #ann.resumed, ann.resumed[3].how }, { 22, 3, "replayed" })
  end)

  test("both", "presses made while there is no link come through, up to three", function(world)
    local ann = player(world, { transport = "websocket" })
    ann:join("pond", world:room("offline-presses"))
    for n = 1, 6 do
      ann:act(function() ann.room:press("quack") end)
      world:wait("this one", function() return quacks(ann) == n * 3 - 2 end)
      ann:offline()
      ann:act(function() ann.room:press("quack") ann.room:press("quack") end)
      world:wait("the loss", function() return ann:status() == "reconnecting" end)
      ann:online()
      world:wait("both", function() return quacks(ann) >= n * 3 end)
    end
    world:frames(30)
    t.equal(quacks(ann), 18)
  end)

  test("both", "spawn and despawn are told, also of linear entities that end by themselves", function(world)
    local ann = player(world)
    ann:join("pond", world:room("spawn"))
    local told = {}
    ann.room:on("spawn", "ripple", function(entity) table.insert(told, "spawn " .. entity.id .. tostring(entity.alive)) end)
    ann.room:on("despawn", "ripple", function(entity) table.insert(told, "despawn " .. entity.id .. tostring(entity.alive)) end)
    ann:act(function() ann.room:press("quack") end)
    world:wait("both", function() return told[2] end)
    t.equal({ told[1]:match("^spawn %d+"):sub(7), told[2]:match("^despawn %d+"):sub(9) }, { told[1]:match("%d+"), told[1]:match("%d+") })
    t.equal(ann:count("ripple"), 0)
  end)

  test("both", "spectators watch; refusals are errors as values; leaving and joining another room", function(world)
    local name = world:room("kinds")
    local ann = player(world)
    ann:join("pond", name)
    local watcher = player(world, { name = "watcher" })
    watcher:join("pond", name, { kind = "spectator" })
    t.equal(watcher.room.players[watcher.room.me].kind, "spectator")
    ann:ask("pond", "\1")
    world:wait("the refusal", function() return ann.joins[2] end)
    t.equal({ ann.joins[2].err.code, ann.joins[2].err.retry }, { 61, false })
    ann:join("pond", name .. "-2")
    world:wait("the first room to see it", function()
      local n = 0
      for _ in pairs(watcher.room.players) do n = n + 1 end
      return n == 1
    end)
  end)

  test("both", "a phase waits for its host: ready, start, and what is refused", function(world)
    local name = world:room("phases")
    local ann, bob = player(world), player(world, { name = "bob", transport = "http" })
    ann:join("sample", name)
    bob:join("sample", name)
    world:wait("the lobby", function() return ann.room.state.phase and ann.room.state.phase.name == "lobby" end)
    bob:act(function() bob.room:ready() end)
    world:wait("bob to be ready", function() return ann.room.state.phase.ready[bob.room.me] end)
    ann:act(function() ann.room:ready() ann.room:start() end)
    world:wait("the night", function() return bob.room.state.phase.name == "night" end)
    t.check(ann.room.secret.colour and ann:own("lantern"))
  end)
end
