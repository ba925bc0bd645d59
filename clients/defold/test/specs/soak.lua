-- Eight players in one process over a bad network: one segment in twenty is lost, links break, the server is killed and
-- started again. Whoever was dropped has the old seat, everybody is back after the restart without help, and every mirror is
-- what the room's hash says. (A killed server forgets its rooms, so the seats after it are new ones.)

local Player = require "player"

local PLAYERS, LOSS = 8, 0.05

return function(t)
  local rounds = t.options.soak and 150 or 6
  local restarts = t.options.soak and 6 or 1

  local function steer(player, random)
    player:act(function()
      local room = player.client.room
      if not room then return end
      room:input { mx = random:between(-1, 1), my = random:between(-1, 1) }
      if random:next() < 0.3 then room:press(room.module == "tank8" and "fire" or "quack") end
    end)
  end

  local function in_room(player)
    local room = player.client.room
    return player:status() == "online" and room and room.open and room.players[room.me] and room.players[room.me].connected
  end

  local function all(players, condition)
    return function()
      for _, player in ipairs(players) do if not condition(player) then return false end end
      return true
    end
  end

  -- New hashes agree for everybody, and none has ever disagreed.
  local function agree(world, players, more)
    local before = {}
    for _, player in ipairs(players) do before[player] = player.client.room.hashes.right end
    world:wait("hashes of all", all(players, function(player)
      local room = player.client.room
      return in_room(player) and room.hashes.right >= before[player] + more
    end))
    for _, player in ipairs(players) do
      t.equal(player.client.room.hashes.wrong, 0, player.name .. "'s mirror differs from the room; wrong hashes")
    end
  end

  local function enter(world, server, module)
    local players, seats = {}, {}
    for n = 1, PLAYERS do
      local player = Player.new(world, {
        url = server:url(), name = "p" .. n, transport = n % 3 == 0 and "http" or n % 4 == 0 and "auto" or "websocket",
        engine = { profile = n % 2 == 0 and "native" or "html5", loss = LOSS },
      })
      player:join(module, "soak")
      players[n], seats[player] = player, player.room.me
    end
    return players, seats
  end

  local function count(players, what)
    local sum = 0
    for _, player in ipairs(players) do sum = sum + what(player) end
    return sum
  end

  -- One player loses the link for a while, the others play on and talk.
  local function round(world, players, seats, random, said)
    local victim = players[math.floor(random:between(1, PLAYERS + 1))]
    local frames = math.floor(random:between(1, 90))
    victim:offline()
    for _ = 1, frames do
      for _, player in ipairs(players) do if random:next() < 0.1 then steer(player, random) end end
      world:step()
    end
    local speaker = players[math.floor(random:between(1, PLAYERS + 1))]
    said.n = said.n + 1
    t.equal(speaker:say("m" .. said.n), true)
    victim:online()
    world:wait(victim.name .. " to come back", function() return in_room(victim) end)
    t.equal(victim.client.room.me, seats[victim], "the seat of " .. victim.name)
  end

  -- Everybody has heard everything that was said, once.
  local function heard_all(world, players, said)
    world:wait("everything said to be heard by all", all(players, function(player) return #player:chats() >= said.n end))
    for _, player in ipairs(players) do
      local times = {}
      for _, text in ipairs(player:chats()) do times[text] = (times[text] or 0) + 1 end
      for n = 1, said.n do t.equal(times["m" .. n], 1, player.name .. " heard m" .. n) end
    end
  end

  local function restart(world, server, players)
    server:kill()
    world:wait("all to notice", all(players, function(player) return player:status() == "reconnecting" end))
    server:start()
    world:wait("all to be back", all(players, in_room))
  end

  local function soak(world, module)
    local server = t.own_server()
    local random = require("host.random").new(world.seed)
    local players, seats = enter(world, server, module)
    local said = { n = 0 }
    for n = 1, rounds do
      round(world, players, seats, random, said)
      if n % 25 == 0 then
        agree(world, players, 1)
        print(("     %s: %d of %d rounds"):format(module, n, rounds))
        io.stdout:flush()
      end
    end
    heard_all(world, players, said)
    agree(world, players, 2)
    for _ = 1, restarts do
      restart(world, server, players)
      for _ = 1, 30 do
        for _, player in ipairs(players) do steer(player, random) end
        world:step()
      end
      agree(world, players, 2)
    end
    for _, player in ipairs(players) do t.equal(#player.left, 0, player.name .. " was sent off") end
    print(("     %s: %d stalls, %d resumes, %d hashes right"):format(module,
      count(players, function(player) return player.app.faults.stalls or 0 end),
      count(players, function(player) return #player.resumed end),
      count(players, function(player) return player.client.room.hashes.right end)))
    server:kill()
  end

  for _, module in ipairs { "tank8", "pond" } do
    t.test("none", "soak of " .. module .. ": loss, drops, a restart", function(world) soak(world, module) end)
  end
end
