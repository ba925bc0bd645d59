-- Far more in motion than a datagram holds: 400 birds that come and go, and whoever walks among them. "rest" and "fly"
-- stop and start them.

local number, angle = field.number, field.angle

local SIDE, SPEED, BIRDS, LIFE = 2048, 100, 400, 20

local game = {
  title = "Swarm", tick_rate = 30, seats = { 1, 64 }, empty_after = 60, when_empty = "close", saved = false,
}

game.entities = {
  bird = { fields = { x = number(0, SIDE, 1/8), y = number(0, SIDE, 1/8), heading = angle() } },
  walker = { fields = { x = number(0, SIDE, 1/8), y = number(0, SIDE, 1/8), step = number(0, 1e6, 1) } },
}

game.inputs = { mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127) }

local function hatch(room)
  room:spawn("bird", {
    x = room:random(0, SIDE), y = room:random(0, SIDE), heading = room:random() * 2 * math.pi,
    ends = room.time + LIFE * (0.5 + room:random()),
  })
end

function game.open(room)
  room.memory.flying = true
  for _ = 1, BIRDS do hatch(room) end
end

function game.join(room, player)
  player.memory.walker = room:spawn("walker", { x = SIDE / 2, y = SIDE / 2, step = 0, owner = player })
end

function game.leave(_, player)
  local walker = player.memory.walker
  if walker and walker.alive then walker:despawn() end
end

function game.input(room, player, input)
  local walker = player.memory.walker
  if not walker then return end
  walker.x = math.min(math.max(walker.x + input.mx * SPEED * room.dt, 0), SIDE)
  walker.y = math.min(math.max(walker.y + input.my * SPEED * room.dt, 0), SIDE)
end

function game.tick(room)
  -- Its number says of what tick a walker is shown.
  for walker in room:each("walker") do walker.step = room.tick end
  if not room.memory.flying then return end
  for bird in room:each("bird") do
    bird.heading = bird.heading + (room:random() - 0.5) * 0.5
    bird.x = (bird.x + math.cos(bird.heading) * SPEED * room.dt) % SIDE
    bird.y = (bird.y + math.sin(bird.heading) * SPEED * room.dt) % SIDE
    if room.time > bird.ends then
      bird:despawn()
      hatch(room)
    end
  end
end

game.messages = {}
function game.messages.rest(room) room.memory.flying = false end
function game.messages.fly(room) room.memory.flying = true end

function game.bot(room, player)
  local turn = room.time + tonumber(player.id)
  return { mx = math.cos(turn), my = math.sin(turn) }
end

return game
