-- Tank 8: the room that benchmarks and oracles measure. Eight tanks drive and shoot; nothing is ever hit, so what a
-- tank does follows from its own inputs alone. Change nothing here without the bots that compute the same.

local step = require "shared.step"
local number, angle, press = field.number, field.angle, field.press

local game = {
  title = "Tank 8", tick_rate = 30, seats = { 1, 8 }, empty_after = 60, when_empty = "close", saved = false,
}

game.entities = {
  tank = {
    fields = {
      x = number(0, 1000, 1/8), y = number(0, 1000, 1/8), heading = angle(), turret = angle(), hp = number(0, 100, 1),
    },
  },
  -- A bullet flies 400 units, from anywhere in the arena.
  bullet = {
    fields = { x = number(-512, 1512, 1/8), y = number(-512, 1512, 1/8) },
    moves = "linear", life = 1.0,
  },
}

game.inputs = { mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127), aim = angle(), fire = press() }

function game.open(room)
  room.state.chats = 0
  room.memory.slots = {} -- slot number, from 0, as text -> player id
end

function game.join(room, player)
  if player.kind ~= "player" then return end -- somebody to watch
  local slots, slot = room.memory.slots, 0
  while slots[tostring(slot)] do slot = slot + 1 end
  slots[tostring(slot)] = player.id
  player.memory.slot = slot
  player.memory.tank = room:spawn("tank", { x = 100 + 100 * slot, y = 500, heading = 0, hp = 100, owner = player })
end

function game.leave(room, player)
  local tank = player.memory.tank
  if not tank then return end
  if tank.alive then tank:despawn() end
  room.memory.slots[tostring(player.memory.slot)] = nil
end

function game.input(room, player, input)
  local tank = player.memory.tank
  if not tank then return end
  step.drive(tank, input, room.dt)
  for _ = 1, input.fire do
    room:spawn("bullet", { x = tank.x, y = tank.y, velocity = step.muzzle(tank.turret), owner = player })
  end
end

game.messages = {}
function game.messages.chat(room, player, data)
  if type(data) ~= "table" or type(data.text) ~= "string" then return end
  room.state.chats = room.state.chats + 1
  room:broadcast("chat", { from = player, text = data.text:sub(1, 200) })
end
function game.messages.echo(_, _, data) return data end

-- Drives circles and fires once a second.
function game.bot(room, _)
  return { mx = math.cos(room.time), my = math.sin(room.time), aim = room.time, fire = room.tick % 30 == 0 }
end

return game
