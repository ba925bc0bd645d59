-- The frame, contexts, timers and messages of the stand-in: defold.md calls these what the engine does, and the stand-in must
-- fail where it does.

return function(t)
  local test = t.test

  test("both", "a frame is timers, then update, then messages", function(world)
    local app, seen = world:app(), {}
    app:script({
      init = function()
        app.globals.timer.delay(0, true, function() table.insert(seen, "timer") end)
      end,
      update = function()
        table.insert(seen, "update")
        app.globals.msg.post("/a", "hello")
      end,
      on_message = function() table.insert(seen, "message") end,
    }, "/a")
    app:frame()
    app:frame()
    t.equal(seen, { "timer", "update", "message", "timer", "update", "message" })
  end)

  test("both", "extension events come before timers and update", function(world)
    local app, peer, seen = world:app(), world:peer("websocket"), {}
    app:script({
      init = function()
        local g = app.globals
        g.websocket.connect("ws://127.0.0.1:" .. peer.port, {}, function(_, _, data)
          if data.event == g.websocket.EVENT_MESSAGE then table.insert(seen, "event") end
        end)
        g.timer.delay(0, true, function() table.insert(seen, "timer") end)
      end,
      update = function() table.insert(seen, "update") end,
    })
    world:wait("a link", function() return peer.links[1] and peer.links[1].open end)
    world:frames(3)
    peer:say("x")
    world:wait("the message", function()
      for place, what in ipairs(seen) do
        if what == "event" then return seen[place + 1] == "timer" and seen[place + 2] == "update" end
      end
    end)
  end)

  test("both", "self is the script that registered, and fields can be set on it and not listed", function(world)
    local app, selves = world:app(), {}
    local instance = app:script({
      init = function(self)
        self.name = "a"
        app.globals.timer.delay(0, false, function(other) table.insert(selves, other) end)
      end,
    })
    app:frame()
    t.equal(selves[1] == instance.self, true)
    t.equal(instance.self.name, "a")
    t.equal(instance.self.nothing, nil)
    t.equal(type(instance.self), "userdata")
    t.raises("bad argument", pairs, instance.self)
  end)

  test("both", "a closure runs in the context of whoever calls it: go.get_id follows the caller", function(world)
    local app = world:app()
    local g, handler, ids = app.globals, nil, {}
    app:script({ init = function() handler = function() table.insert(ids, tostring(g.go.get_id())) end end }, "/player")
    app:script({ init = function() g.timer.delay(0, false, function() handler() end) end }, "/network")
    app:frame()
    t.equal(ids, { "hash: [/network]" })
  end)

  test("both", "gui calls raise outside gui scripts, go calls inside", function(world)
    local app = world:app { config = { ["script.shared_state"] = "1" } }
    local g = app.globals
    local script, gui = app:script({}, "/a"), app:script({}, "/b", "gui_script")
    local raised = {}
    app:as(script, function() raised[1] = select(2, pcall(g.gui.get_node, "x")) end)
    app:as(gui, function()
      raised[2] = select(2, pcall(g.go.get_position))
      g.gui.set_text(g.gui.get_node("x"), "fine")
    end)
    t.check(raised[1]:find("gui script instance", 1, true) and raised[2]:find(".script file", 1, true), raised[1] .. raised[2])
    t.equal(gui.nodes.x.text, "fine")
  end)

  test("both", "without shared_state scripts and gui scripts have globals and modules of their own", function(world)
    local apart, shared = world:app { config = { ["script.shared_state"] = "0" } }, world:app { config = { ["script.shared_state"] = "1" } }
    t.check(apart.globals ~= apart.gui_globals)
    t.check(shared.globals == shared.gui_globals)
  end)

  test("both", "a deleted script: callbacks are silent, timers are gone, the socket stays open", function(world)
    local app, peer, heard, finals = world:app(), world:peer("websocket"), 0, 0
    local g = app.globals
    local owner = app:script({
      init = function()
        g.websocket.connect("ws://127.0.0.1:" .. peer.port, {}, function() heard = heard + 1 end)
        g.timer.delay(0, true, function() heard = heard + 1 end)
      end,
      final = function() finals = finals + 1 end,
    }, "/owner")
    world:wait("a link", function() return peer.links[1] and peer.links[1].open end)
    world:frames(3)
    app:as(owner, function() g.go.delete() end)
    world:step()
    local before = heard
    peer:say("for nobody")
    world:frames(6)
    t.equal({ heard - before, finals, app.timers:count() }, { 0, 1, 0 })
    t.equal(peer.links[1].tcp.closed, nil)
    t.equal(#app.websocket.connections, 1)
  end)

  test("both", "a script is deleted at the end of the frame, and its final may still post", function(world)
    local app, seen = world:app(), {}
    local g = app.globals
    app:script({ on_message = function(_, id) table.insert(seen, tostring(id)) end }, "/witness")
    local one
    one = app:script({
      update = function() g.go.delete() table.insert(seen, one.alive) end,
      final = function() g.msg.post("/witness", "gone") end,
    }, "/one")
    app:frame()
    t.equal(one.alive, false)
    app:frame()
    t.equal(seen, { true, "hash: [gone]" })
  end)

  test("both", "timers: handles, cancel is true once, a timer made by a timer waits a frame", function(world)
    local app, log = world:app(), {}
    local timer = app.globals.timer
    app:script({
      init = function()
        local handle = timer.delay(0, true, function() table.insert(log, "never") end)
        table.insert(log, timer.cancel(handle))
        table.insert(log, timer.cancel(handle))
        timer.delay(0, false, function(_, again, elapsed)
          table.insert(log, type(again) .. type(elapsed))
          timer.delay(0, false, function() table.insert(log, "second") end)
        end)
        t.raises("negative", timer.delay, -1, false, function() end)
        t.raises("function expected", timer.delay, 1, false)
      end,
    })
    app:frame()
    t.equal(log, { true, false, "numbernumber" })
    app:frame()
    t.equal(log, { true, false, "numbernumber", "second" })
  end)

  test("both", "timers count frame times: after a long gap dt is half a second at most", function(world)
    local app, dts, fired = world:app(), {}, 0
    app:script({
      init = function() app.globals.timer.delay(2, false, function() fired = fired + 1 end) end,
      update = function(_, dt) table.insert(dts, dt) end,
    })
    app:skip(10)
    app:frame()
    t.equal(dts[1], 0.5)
    t.equal(fired, 0)
    for _ = 1, 3 do app:skip(0.6) app:frame() end
    t.equal(fired, 1)
  end)

  test("both", "timers and requests need a script", function(world)
    local app = world:app()
    t.raises("from a script", app.globals.timer.delay, 1, false, function() end)
    t.raises("from a script", app.globals.msg.post, "/a", "x")
  end)

  test("both", "an error in a callback is printed and the frame goes on", function(world)
    local app, after = world:app { expected_errors = 2 }, 0
    app:script({ update = function() error("on purpose") end })
    app:script({ update = function() after = after + 1 end })
    app:frame()
    app:frame()
    t.equal({ #app.errors, after }, { 2, 2 })
    t.check(app.errors[1]:find("on purpose", 1, true) and app.errors[1]:find("traceback", 1, true))
  end)

  test("both", "messages: copies, hashes, 2,040 bytes, no functions", function(world)
    local app, got = world:app(), nil
    local g = app.globals
    app:script({ on_message = function(_, id, message, sender) got = { id, message, sender } end }, "/to")
    local from, sent = app:script({}, "/from"), { deep = { 1, 2, name = "x" } }
    app:as(from, function()
      g.msg.post("/to", "hello", sent)
      t.equal(got, nil)
      g.msg.post("main:/to#script", "limit", { text = ("x"):rep(2000) })
      t.raises("too large", g.msg.post, "/to", "large", { text = ("x"):rep(2040) })
      t.raises("unsupported", g.msg.post, "/to", "bad", { fn = print })
    end)
    sent.deep.name = "changed"
    app:frame()
    t.equal({ got[1] == g.hash("limit"), got[3].path == g.hash("/from"), got[3].fragment == g.hash("script") }, { true, true, true })
    app:as(from, function() g.msg.post(g.msg.url("/to"), "hello", sent) end)
    app:frame()
    t.equal(got[2], { deep = { 1, 2, name = "changed" } })
  end)

  test("html5", "socket.gettime has milliseconds and stands still within a frame", function(world)
    local app, times = world:app(), {}
    local gettime = app.globals.socket.gettime
    app:script({ update = function()
      local first = gettime()
      for _ = 1, 100000 do if gettime() ~= first then times.moved = true end end
      table.insert(times, first)
    end })
    app:frame()
    app:skip(0.5)
    app:frame()
    t.equal(times.moved, nil)
    t.check(times[2] > times[1])
    t.check(math.abs(times[1] * 1000 - math.floor(times[1] * 1000 + 0.5)) < 0.01)
  end)

  test("native", "socket.gettime moves within a frame (from source, unrecorded)", function(world)
    local app = world:app()
    local first, moved = app.globals.socket.gettime(), false
    for _ = 1, 10000000 do if app.globals.socket.gettime() ~= first then moved = true break end end
    t.check(moved)
  end)

  test("both", "window events reach the one listener, as the script that set it", function(world)
    local app, got = world:app(), nil
    local instance = app:script({ init = function()
      app.globals.window.set_listener(function(self, event) got = { self, event } end)
    end })
    app:window_event(app.globals.window.WINDOW_EVENT_FOCUS_LOST)
    t.equal({ got[1] == instance.self, got[2] }, { true, 0 })
    t.equal(app.globals.window.WINDOW_EVENT_ICONFIED ~= nil, true)
  end)
end
