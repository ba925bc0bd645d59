-- One script over each transport, against the real server: join, input, patch, message, call, drop, resume, close. The same
-- as tests/transports.rs has for the Rust client. WebTransport is that of a page in a real Chromium.

local Player = require "player"

return function(t)
  local function script(world, transport)
    local server = t.server()
    local room = "script-" .. transport .. "-" .. world.profile .. "-" .. world.seed
    local witness = Player.new(world, { url = server:url(), name = "witness", transport = "websocket" })
    witness:join("tank8", room)
    local engine = transport == "webtransport" and { browser = world:page(server) } or nil
    local ann = Player.new(world, { url = server:url(), name = "ann", transport = transport, engine = engine })
    local join = ann:join("tank8", room)
    local seat = ann.room.me
    t.equal({ ann.client.transport, ann:status(), ann.room.name, ann.room.module }, { transport, "online", room, "tank8" })
    t.equal({ join.me.name, join.me.connected, join.chats }, { "ann", true, 0 }, "complete before the callback")

    -- Input: the tank drives right, and a bullet flies.
    local tank = world:wait("the tank", function() return ann:own("tank") end)
    local start = tank.x
    ann:act(function() ann.room:input { mx = 1, my = 0, aim = math.pi / 2 } ann.room:press("fire") end)
    world:wait("the tank to move", function() return tank.x > start + 10 end)
    world:wait("a bullet in the other's eyes", function() return witness:count("bullet") > 0 end)
    t.check(ann:own("tank") == tank, "the same table while it moves")

    -- A message, its echo to all, and the document it changes; calls.
    t.equal(ann:say("one"), true)
    world:wait("chat and document", function() return witness:chats()[1] == "one" and ann.room.state.chats == 1 end)
    local replies = {}
    ann:act(function()
      ann.room:call("echo", 0.25, function(data, err) replies.echo = { data, err } end)
      ann.room:call("no such thing", nil, function(data, err) replies.refused = { data, err } end)
    end)
    world:wait("both replies", function() return replies.echo and replies.refused end)
    t.equal(replies.echo, { 0.25 })
    t.equal({ replies.refused[1], type(replies.refused[2]) }, { nil, "table" })

    -- Drop: the others see it; what is said meanwhile arrives, once, after the resume.
    local state, players = ann.room.state, ann.room.players
    local cut = ann:offline()
    t.check(cut > 0 or transport == "http", "there was a link to cut") -- between two requests there is none
    world:wait("the client to notice", function() return ann:status() == "reconnecting" end)
    if transport ~= "http" then
      world:wait("the drop to be seen", function() return witness.room.players[seat].connected == false end)
    end
    ann:say("two")
    witness:say("three")
    world:frames(5)
    ann:online()
    world:wait("what was missed", function() return #ann:chats() == 3 and #witness:chats() == 3 end)
    local heard = ann:chats()
    table.sort(heard)
    t.equal(heard, { "one", "three", "two" })
    t.equal({ ann.room.me, #ann.resumed, ann.resumed[1].how, ann.resumed[1].messages_lost }, { seat, 1, "replayed", 0 })
    t.check(ann.room.state == state and ann.room.players == players, "the same tables after the resume")
    world:wait("both to see each other", function() return witness.room.players[seat].connected and ann:status() == "online" end)
    local x = ann:own("tank").x
    world:wait("the held input to go on", function() return ann:own("tank").x ~= x or x >= 1000 end)

    -- The mirror is the room's.
    world:wait("hashes", function() return ann.room.hashes.right >= 2 end)
    t.equal(ann.room.hashes.wrong, 0)

    -- Close: the seat is gone, and nothing goes on.
    local gone
    ann:act(function() ann.room:leave(function() gone = true end) end)
    world:wait("the seat to be free", function() return gone and witness.room.players[seat] == nil end)
    t.equal({ #ann.left, ann.room.open, ann.client.room, ann:say("late") }, { 1, false, nil, false })
    ann:act(function() ann.client:close() end)
    world:wait("its end", function() return ann:status() == "offline" end)
    t.equal(#witness.left, 0)
  end

  for _, transport in ipairs { "websocket", "http", "webtransport" } do
    local where = transport == "webtransport" and "html5" or "both"
    t.test(where, "the script over " .. transport, function(world) script(world, transport) end)
  end
end
