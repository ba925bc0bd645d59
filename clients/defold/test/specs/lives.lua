-- Long sleeps, slow readers, restarts: what the server does to a link and a seat, and how the client comes back.

local Player = require "player"

return function(t)
  local test = t.test

  local function player(world, server, options) return Player.new(world, options, server) end

  local function agree(world, ann)
    local right = ann.client.room.hashes.right
    world:wait("hashes", function() return ann.client.room.hashes.right >= right + 2 end)
    t.equal(ann.client.room.hashes.wrong, 0)
  end

  -- Silence of two seconds ends a link, and seats wait for as long.
  local impatient
  local function short_server()
    impatient = impatient or t.own_server {
      AIRBOAT_LIMITS_IDLE_LINK_SECS = "2", AIRBOAT_LIMITS_PING_SECS = "1", AIRBOAT_LIMITS_RESUME_WINDOW_SECS = "2",
    }
    return impatient
  end

  for _, transport in ipairs { "websocket", "http" } do
    test("both", "asleep until the server has dropped the link: the same seat, over " .. transport, function(world)
      local server, room = short_server(), "nap-" .. transport .. world.profile
      local ann, witness = player(world, server, { transport = transport }), player(world, server, { name = "witness" })
      ann:join("pond", room)
      witness:join("pond", room)
      local seat = ann.room.me
      ann.app.asleep = true
      world:wait("the drop", function() return witness.room.players[seat].connected == false end)
      witness:say("while you slept")
      world:frames(10)
      ann.app.asleep = false
      world:wait("the way back", function() return ann:chats()[1] and witness.room.players[seat].connected end)
      t.equal({ ann.room.me, ann:chats() }, { seat, { "while you slept" } })
      agree(world, ann)
    end)

    test("both", "asleep until the seat is gone: back in the room without help, on a new seat, over " .. transport, function(world)
      local server, room = short_server(), "sleep-" .. transport .. world.profile
      local ann, witness = player(world, server, { transport = transport }), player(world, server, { name = "witness" })
      ann:join("pond", room)
      witness:join("pond", room)
      local seat, state = ann.room.me, ann.room.state
      ann.app.asleep = true
      world:wait("the seat to be free", function() return witness.room.players[seat] == nil end)
      ann.app.asleep = false
      world:wait("the way back", function()
        local here = ann.client.room
        return ann:status() == "online" and here and here.me ~= seat and here.players[here.me] and here.players[here.me].connected
      end)
      t.check(ann.client.room.state == state or #ann.left == 1, "the same tables, or told that the old room was left")
      agree(world, ann)
    end)
  end

  test("both", "asleep while more is said than the server keeps: the newest state, what is lost is counted", function(world)
    local server, room = t.server(), "slow-" .. world.profile .. world.seed
    local ann, witness = player(world, server, { transport = "websocket" }), player(world, server, { name = "witness", transport = "websocket" })
    ann:join("pond", room)
    witness:join("pond", room)
    local heard, seat = 0, ann.room.me
    ann.room:on("flood", function() heard = heard + 1 end)
    ann.app.asleep = true
    local seen = 0
    witness.room:on("flood", function() seen = seen + 1 end)
    for n = 1, 10 do
      witness:act(function() witness.room:send("flood", { count = 4, size = 15000 }) end)
      world:wait("the witness", function() return seen == n * 4 end)
      world:frames(18) -- it tells now and then what it has received, and the server keeps no more than 256 kB until then
    end
    ann.app.asleep = false
    world:wait("the way back", function() return #ann.resumed > 0 and ann:status() == "online" end)
    witness:say("the end")
    world:wait("the end", function() return ann:chats()[#ann:chats()] == "the end" end)
    local lost = 0
    for _, resumed in ipairs(ann.resumed) do lost = lost + resumed.messages_lost end
    t.check(lost > 0 and heard < 40, heard .. " heard, " .. lost .. " told as lost")
    t.equal(ann.room.me, seat)
    agree(world, ann)
  end)

  test("both", "what cannot be sent is refused, not piled up", function(world)
    local server = t.server()
    local ann = player(world, server)
    ann:join("pond", "full-" .. world.profile .. world.seed)
    ann:offline()
    world:wait("the loss", function() return ann:status() == "reconnecting" end)
    local taken = 0
    while taken < 10000 and ann:say("n" .. taken) do taken = taken + 1 end
    t.check(taken > 10 and taken < 5000, taken .. " were taken")
    ann:online()
    world:wait("all that was taken", function() return #ann:chats() >= taken end)
    for n = 1, taken do t.equal(ann:chats()[n], "n" .. n - 1) end
    t.equal(ann:say("goes on"), true)
  end)

  test("html5", "CONNECTED told twice, by onopen and by the update after it (from source, unrecorded)", function(world)
    local ann = player(world, t.server(), { transport = "websocket" })
    ann.app.websocket.told_twice = true
    ann:join("pond", "twice-" .. world.seed)
    world:frames(30)
    t.equal({ #ann.app.websocket.dialled, #ann.app.websocket.connections, ann:status() }, { 1, 1, "online" })
    agree(world, ann)
  end)

  test("both", "the server stops in order and starts again: all come back by themselves", function(world)
    local server = t.own_server()
    local players = {}
    for n, transport in ipairs { "websocket", "http", "auto" } do
      players[n] = player(world, server, { name = "p" .. n, transport = transport })
      players[n]:join("tank8", "restart")
    end
    server:stop()
    for _, one in ipairs(players) do
      world:wait("the loss", function() return one:status() == "reconnecting" end)
    end
    server:start()
    for _, one in ipairs(players) do
      world:wait("the way back", function() return one:status() == "online" and one.client.room and one.client.room.players[one.client.room.me] end)
      t.equal(#one.left, 0)
      agree(world, one)
    end
    server:kill()
  end)

  test("both", "many switches of network lose and double nothing", function(world)
    local server, room = t.server(), "switches-" .. world.profile .. world.seed
    local ann, witness = player(world, server, { transport = "websocket" }), player(world, server, { name = "witness" })
    ann:join("pond", room)
    witness:join("pond", room)
    local seat, said = ann.room.me, {}
    for n = 1, t.options.soak and 200 or 8 do
      for _, when in ipairs { "before ", "after " } do
        table.insert(said, when .. n)
        t.equal(ann:say(when .. n), true)
        if when == "before " then ann.app:cut() end
      end
      world:wait("the loss", function() return #ann.resumed == n end)
    end
    world:wait("everything", function() return #witness:chats() >= #said and #ann:chats() >= #said end)
    t.equal(witness:chats(), said)
    t.equal(ann:chats(), said)
    t.equal(ann.room.me, seat)
  end)
end
