-- A player that goes for the nearest tank: lines up with one of the eight directions and fires when that would hit.
-- Like every bot it sees what a client sees, and keeps nothing between ticks.

local step = require "shared.step"

local EIGHTH = math.pi / 4
local IDLE = { mx = 0, my = 0, fire = false }

local function bot(room, player)
  local me
  for soldier in room:each("soldier") do
    if soldier.owner.id == player.id then me = soldier end
  end
  if not me then return IDLE end
  local tank, far = room:nearest("tank", me.x, me.y)
  if not tank then return IDLE end

  -- Where the tank will be when a rocket gets there, and the nearest of the eight directions to it.
  local lead = far / step.ROCKET_SPEED * step.TANK_SPEED
  local dx, dy = tank.x + math.cos(tank.heading) * lead - me.x, tank.y + math.sin(tank.heading) * lead - me.y
  local there = math.atan2(dy, dx)
  local ahead = math.floor(there / EIGHTH + 0.5) * EIGHTH
  local aside = math.sin(there - ahead) * far

  local near, aligned = far < 170, math.abs(aside) < 7
  local fire = near and aligned and (room.tick + 7 * tonumber(player.id)) % 8 == 0
  local go = ahead
  if not fire and near then
    if not aligned then go = ahead + (aside > 0 and 1 or -1) * math.pi / 2
    elseif far < 90 then go = ahead + math.pi end
  end
  return { mx = math.floor(math.cos(go) + 0.5), my = math.floor(math.sin(go) + 0.5), fire = fire }
end

return bot
