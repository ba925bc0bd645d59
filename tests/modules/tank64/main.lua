-- Sixty-four tanks and about 128 bullets: how much of a crowd fits into a datagram. For the loadtest:
--   airboat --modules tests/modules
--   airboat-loadtest --transport quic --module tank64 --modules-dir tests/modules --rooms 1 --players 64

local number, angle, press = field.number, field.angle, field.press

local SIDE, SPEED, BULLET_SPEED = 2048, 120, 400

local game = {
  title = "Tank 64", tick_rate = 30, seats = { 1, 64 }, empty_after = 60, when_empty = "close", saved = false,
}

game.entities = {
  tank = {
    fields = {
      x = number(0, SIDE, 1/8), y = number(0, SIDE, 1/8), heading = angle(), turret = angle(), hp = number(0, 100, 1),
    },
  },
  bullet = {
    fields = { x = number(-512, SIDE + 512, 1/8), y = number(-512, SIDE + 512, 1/8) },
    moves = "linear", life = 1.0,
  },
}

game.inputs = { mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127), aim = angle(), fire = press() }

function game.join(room, player)
  player.memory.tank = room:spawn("tank", {
    x = room:random(100, SIDE - 100), y = room:random(100, SIDE - 100), hp = 100, owner = player,
  })
end

function game.leave(_, player)
  local tank = player.memory.tank
  if tank and tank.alive then tank:despawn() end
end

function game.input(room, player, input)
  local tank = player.memory.tank
  if not tank then return end
  tank.x = math.min(math.max(tank.x + input.mx * SPEED * room.dt, 0), SIDE)
  tank.y = math.min(math.max(tank.y + input.my * SPEED * room.dt, 0), SIDE)
  if input.mx ~= 0 or input.my ~= 0 then tank.heading = math.atan2(input.my, input.mx) end
  tank.turret = input.aim
  for _ = 1, input.fire do
    local velocity = { x = math.cos(input.aim) * BULLET_SPEED, y = math.sin(input.aim) * BULLET_SPEED }
    room:spawn("bullet", { x = tank.x, y = tank.y, velocity = velocity, owner = player })
  end
end

-- Drives circles, looks around and fires twice a second: with 64 of them there are 128 bullets.
function game.bot(room, player)
  local turn = room.time + tonumber(player.id)
  local fire = (room.tick + 7 * tonumber(player.id)) % 15 == 0
  return { mx = math.cos(turn), my = math.sin(turn), aim = -2 * turn, fire = fire }
end

return game
