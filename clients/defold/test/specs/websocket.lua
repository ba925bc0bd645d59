-- extension-websocket: every row of what was seen in the real engine, and of what its source says.

return function(t)
  local test = t.test

  -- Connects from a script of its own and notes what comes: { event, message, code, frame, within a frame }.
  local function connect(app, url, params)
    local link = { events = {} }
    local ws = app.globals.websocket
    local names = { [ws.EVENT_CONNECTED] = "connected", [ws.EVENT_DISCONNECTED] = "disconnected", [ws.EVENT_MESSAGE] = "message", [ws.EVENT_ERROR] = "error" }
    link.script = app:script({ init = function(self)
      link.handle = ws.connect(url, params or {}, function(who, handle, data)
        table.insert(link.events, {
          name = names[data.event], message = data.message, code = data.code, frame = app.frames, within = app.in_frame,
          mine = who == self and handle == link.handle, handshake = data.handshake_response,
        })
        if link.react then link.react(names[data.event], data) end
      end)
      link.silent = #link.events == 0
    end })
    function link.names()
      local list = {}
      for n, event in ipairs(link.events) do list[n] = event.name end
      return table.concat(list, " ")
    end
    function link.call(name, ...) return app:as(link.script, ws[name], ...) end
    function link.send(...)
      local arguments, n = { ... }, select("#", ...)
      return app:as(link.script, function() return { pcall(ws.send, link.handle, unpack(arguments, 1, n)) } end)
    end
    return link
  end

  local function linked(world, params, options)
    local app, peer = world:app(options), world:peer("websocket")
    local link = connect(app, "ws://127.0.0.1:" .. peer.port .. "/ws", params)
    world:wait("the link", function() return link.names() == "connected" end)
    return app, peer, link
  end

  test("both", "connect returns an opaque handle and calls nothing back itself; self is the script's", function(world)
    local _, _, link = linked(world)
    t.equal({ type(link.handle), link.silent, link.events[1].mine, link.events[1].message }, { "userdata", true, true, "" })
  end)

  test("html5", "CONNECTED comes outside of frames", function(world)
    local seen
    for _ = 1, 20 do
      local _, _, link = linked(world)
      seen = seen or not link.events[1].within
      if seen then return end
    end
    error("always within a frame")
  end)

  test("native", "CONNECTED comes within a frame (from source, unrecorded)", function(world)
    for _ = 1, 5 do
      local _, _, link = linked(world)
      t.equal(link.events[1].within, true)
    end
  end)

  test("both", "binary both ways, NUL and 0xFF included, binary by default, send returns nothing", function(world)
    local _, peer, link = linked(world)
    local all = {}
    for n = 0, 255 do all[n + 1] = string.char(n) end
    all = table.concat(all)
    t.equal(link.send(all), { true })
    world:wait("what was sent", function() return peer.received[1] end)
    t.equal({ peer.received[1] == all, peer.opcodes[1] }, { true, 2 })
    peer:say(all)
    world:wait("what was said", function() return link.events[2] end)
    t.equal({ link.events[2].name, link.events[2].message == all }, { "message", true })
  end)

  test("both", "the kind of an incoming message is not told", function(world)
    local _, peer, link = linked(world)
    peer:say("text", true)
    peer:say("text")
    world:wait("both", function() return link.events[3] end)
    local function keys(event) return event.name .. event.message .. tostring(event.code) end
    t.equal(keys(link.events[2]), keys(link.events[3]))
  end)

  test("both", "the constants are the same by name only", function(world)
    local ws = world:app().globals.websocket
    local binary = world.profile == "html5" and 0 or 2
    t.equal({ ws.DATA_TYPE_BINARY, ws.DATA_TYPE_TEXT, ws.EVENT_CONNECTED, ws.EVENT_DISCONNECTED, ws.EVENT_MESSAGE, ws.EVENT_ERROR },
      { binary, 1, 0, 1, 2, 3 })
  end)

  test("html5", "a text message is cut at its first NUL (from source, unrecorded)", function(world)
    local app, peer, link = linked(world)
    link.send("one\0two", { type = app.globals.websocket.DATA_TYPE_TEXT })
    world:wait("the text", function() return peer.received[1] end)
    t.equal({ peer.received[1], peer.opcodes[1] }, { "one", 1 })
  end)

  test("both", "sending before CONNECTED, after disconnect and to nothing raises", function(world)
    local app, peer = world:app(), world:peer("websocket")
    local ws = app.globals.websocket
    local link = connect(app, "ws://127.0.0.1:" .. peer.port, {})
    t.check(link.send("early")[2]:find("isn't connected", 1, true))
    world:wait("the link", function() return link.names() == "connected" end)
    link.call("disconnect", link.handle)
    t.check(link.send("late")[2]:find("isn't connected", 1, true))
    world:wait("the end", function() return link.names() == "connected disconnected" end)
    t.check(link.send("gone")[2]:find("Invalid connection", 1, true))
    t.raises("valid connection", ws.send, "not a handle", "x")
    t.raises("valid connection", ws.disconnect, nil)
    ws.disconnect(link.handle) -- of what is over: nothing
    t.raises("from a script", ws.connect, "ws://127.0.0.1:1", {}, function() end)
    app:as(link.script, function() t.raises("function expected", ws.connect, "ws://127.0.0.1:1", {}) end)
  end)

  test("both", "refused: ERROR, then DISCONNECTED in the same frame", function(world)
    local app = world:app()
    local link = connect(app, "ws://127.0.0.1:" .. require("host.peer").closed_port())
    world:wait("both", function() return link.names() == "error disconnected" end)
    t.equal({ link.events[1].frame == link.events[2].frame, link.events[2].message }, { true, "" })
    if world.profile == "html5" then t.equal(link.events[1].message, "") end
    world:frames(5)
    t.equal(#link.events, 2)
  end)

  test("native", "a refused handshake is told (from source, unrecorded)", function(world)
    local app, peer = world:app(), world:peer("websocket")
    peer.refuse = "404 Not Found"
    local link = connect(app, "ws://127.0.0.1:" .. peer.port)
    world:wait("both", function() return link.names() == "error disconnected" end)
    t.equal(link.events[1].handshake.status, 404)
  end)

  test("html5", "a refused handshake is like a refused connection", function(world)
    local app, peer = world:app(), world:peer("websocket")
    peer.refuse = "404 Not Found"
    local link = connect(app, "ws://127.0.0.1:" .. peer.port)
    world:wait("both", function() return link.names() == "error disconnected" end)
    t.equal(link.events[1].handshake, nil)
  end)

  test("html5", "the server closes: DISCONNECTED alone, the code is garbage and the reason empty", function(world)
    local _, peer, link = linked(world)
    peer:close_link(4001, "a reason")
    world:wait("the end", function() return link.names() == "connected disconnected" end)
    t.equal({ link.events[2].code, link.events[2].message }, { 288, "" })
  end)

  test("native", "the server closes: DISCONNECTED alone, with the code (from source, unrecorded)", function(world)
    local _, peer, link = linked(world)
    peer:close_link(4001, "a reason")
    world:wait("the end", function() return link.names() == "connected disconnected" end)
    t.equal({ link.events[2].code, link.events[2].message }, { 4001, "" })
  end)

  test("both", "what arrived before a close is delivered first, in order, several in a frame", function(world)
    local _, peer, link = linked(world)
    for n = 1, 5 do peer:say("m" .. n) end
    peer:close_link(4001)
    world:wait("the end", function() return link.events[#link.events].name == "disconnected" end)
    t.equal(link.names(), "connected message message message message message disconnected")
    for n = 1, 5 do t.equal(link.events[n + 1].message, "m" .. n) end
    t.equal(link.events[2].frame, link.events[6].frame)
  end)

  test("html5", "an abrupt loss: what came before it is delivered, then DISCONNECTED without ERROR", function(world)
    local app, peer, link = linked(world)
    app.asleep = true
    peer:say("last words")
    world:frames(3)
    app:between()
    peer:break_link()
    app.asleep = false
    world:wait("the end", function() return link.events[#link.events].name == "disconnected" end)
    t.equal(link.names(), "connected message disconnected")
    t.equal(link.events[3].code, 288)
  end)

  test("native", "an abrupt loss: ERROR before DISCONNECTED, what was undelivered is lost (from source, unrecorded)", function(world)
    local app, peer, link = linked(world)
    app.asleep = true
    peer:say("last words")
    world:frames(3)
    app:between()
    peer:break_link()
    world:frames(3)
    app.asleep = false
    world:wait("the end", function() return link.events[#link.events].name == "disconnected" end)
    t.equal(link.names(), "connected error disconnected")
    t.equal(link.events[2].frame, link.events[3].frame)
  end)

  test("html5", "the connect timeout never fires", function(world)
    local app, peer = world:app(), world:peer("silent")
    local link = connect(app, "ws://127.0.0.1:" .. peer.port, { timeout = 1000 })
    for _ = 1, 20 do app:skip(1) world:frames(1) end
    t.equal(link.names(), "")
  end)

  test("native", "the connect timeout fires: ERROR, DISCONNECTED (from source, unrecorded)", function(world)
    local app, peer = world:app(), world:peer("silent")
    local link = connect(app, "ws://127.0.0.1:" .. peer.port, { timeout = 1000 })
    world:frames(10)
    t.equal(link.names(), "")
    app:skip(1)
    world:wait("the timeout", function() return link.names() == "error disconnected" end)
  end)

  test("html5", "disconnect while connecting is ignored, and the socket opens later", function(world)
    local app, peer = world:app(), world:peer("websocket")
    local link = connect(app, "ws://127.0.0.1:" .. peer.port)
    link.call("disconnect", link.handle)
    world:wait("the link", function() return link.names() == "connected" end)
    t.equal(link.send("here I am"), { true })
  end)

  test("native", "disconnect while connecting ends the attempt (from source, unrecorded)", function(world)
    local app, peer = world:app(), world:peer("websocket")
    local link = connect(app, "ws://127.0.0.1:" .. peer.port)
    link.call("disconnect", link.handle)
    world:wait("the end", function() return link.names() == "disconnected" end)
    world:frames(5)
    t.equal(link.names(), "disconnected")
  end)

  test("native", "disconnect drops what is queued and sends no close frame (from source, unrecorded)", function(world)
    local _, peer, link = linked(world)
    link.send("leave")
    link.call("disconnect", link.handle)
    world:wait("the end", function() return peer.links[1].tcp.closed end)
    t.equal({ #peer.received, peer.links[1].close_frame }, { 0 })
    world:wait("the event", function() return link.names() == "connected disconnected" end)
  end)

  test("html5", "disconnect closes with what was sent before it, and events come until the server has answered", function(world)
    local _, peer, link = linked(world)
    link.send("leave")
    link.call("disconnect", link.handle)
    world:wait("the end", function() return link.names() == "connected disconnected" end)
    t.equal({ peer.received[1], peer.links[1].close_frame, link.events[2].code }, { "leave", true, 288 })
  end)

  test("html5", "an invalid URL ends the program, pcall or not", function(world)
    for _, url in ipairs { "ftp://127.0.0.1/", "nonsense", "http://127.0.0.1/" } do
      local app, survived = world:app { may_abort = true }, false
      pcall(connect, app, url)
      t.check(app.aborted, url .. " was taken")
      pcall(function() app:frame() survived = true end)
      t.equal(survived, false)
    end
  end)

  test("html5", "ws: from a page loaded over https ends the program (inferred, unrecorded)", function(world)
    local app = world:app { page = "https:", may_abort = true }
    pcall(connect, app, "ws://127.0.0.1:1/")
    t.check(app.aborted)
  end)

  test("native", "an invalid URL is a failed connection (from source, unrecorded)", function(world)
    local link = connect(world:app(), "nonsense")
    world:wait("the end", function() return link.names() == "error disconnected" end)
  end)

  test("html5", "headers are ignored, the protocol is sent", function(world)
    local _, peer = linked(world, { headers = "X-One: 1\r\nX-Two: 2\r\n", protocol = "airboat.1" })
    t.check(not peer.heads[1]:find("X-One", 1, true) and peer.heads[1]:find("Sec-WebSocket-Protocol: airboat.1", 1, true), peer.heads[1])
  end)

  test("native", "headers and protocol are sent (from source, unrecorded)", function(world)
    local app, peer, link = linked(world, { headers = "X-One: 1\r\nX-Two: 2\r\n", protocol = "airboat.1" })
    t.check(peer.heads[1]:find("X-One: 1\r\nX-Two: 2\r\n", 1, true), peer.heads[1])
    app:as(link.script, function()
      t.raises("double", app.globals.websocket.connect, "ws://127.0.0.1:1", { headers = "a: b\r\n\r\n" }, function() end)
    end)
  end)

  test("both", "an error in the callback breaks nothing: the next messages come", function(world)
    local app, peer, link = linked(world, nil, { expected_errors = 1 })
    link.react = function(name, data) if name == "message" and data.message == "bad" then error("on purpose") end end
    peer:say("bad")
    peer:say("good")
    world:wait("both", function() return link.events[3] end)
    t.equal({ link.events[3].message, #app.errors }, { "good", 1 })
  end)

  test("both", "a handle may be the same again for a later connection", function(world)
    local app, peer, link = linked(world)
    peer:break_link()
    world:wait("the end", function() return link.events[#link.events].name == "disconnected" end)
    local next_link = connect(app, "ws://127.0.0.1:" .. peer.port)
    t.check(next_link.handle == link.handle)
  end)

  test("native", "at most two connections (from source, unrecorded)", function(world)
    local app, peer = world:app(), world:peer("websocket")
    local links = {}
    for n = 1, 3 do links[n] = connect(app, "ws://127.0.0.1:" .. peer.port) end
    world:wait("all", function() return links[3].names() == "error disconnected" and links[2].names() == "connected" end)
    t.equal(links[1].names(), "connected")
  end)

  test("html5", "more than two connections", function(world)
    local app, peer = world:app(), world:peer("websocket")
    local links = {}
    for n = 1, 4 do links[n] = connect(app, "ws://127.0.0.1:" .. peer.port) end
    world:wait("all", function()
      for n = 1, 4 do if links[n].names() ~= "connected" then return false end end
      return true
    end)
  end)

  test("both", "300 kB in one message", function(world)
    local _, peer, link = linked(world)
    local large = ("0123456789"):rep(30000)
    link.send(large)
    world:wait("it", function() return peer.received[1] end)
    t.check(peer.received[1] == large)
    peer:say(large)
    world:wait("its echo", function() return link.events[2] end)
    t.check(link.events[2].message == large)
  end)

  test("both", "nothing is delivered inside the call that caused it", function(world)
    local _, peer, link = linked(world)
    local inside, calling = false, false
    link.react = function() inside = inside or calling end
    peer:say("x")
    world:frames(2)
    calling = true
    link.send("y")
    link.call("disconnect", link.handle)
    calling = false
    world:wait("the end", function() return link.events[#link.events].name == "disconnected" end)
    t.equal(inside, false)
  end)
end
