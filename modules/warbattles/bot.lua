-- Company for whoever plays alone, and gentle: it goes for the nearest tank and lines up with one of the eight
-- directions, but aims where the tank is and not where it will be, fires seldom, and stops to look around. Like every bot
-- it sees what a client sees, and keeps nothing between ticks.

local EIGHTH = math.pi / 4
local ROUND, PAUSE = 7, 3 -- seconds: of every so many, a bot stands still for these
local TICKS_A_SHOT = 30
local IDLE = { mx = 0, my = 0, fire = false }

local function bot(room, player)
  local me
  for soldier in room:each("soldier") do
    if soldier.owner.id == player.id then me = soldier end
  end
  if not me then return IDLE end
  local number = tonumber(player.id)
  if (room.time + 2.6 * number) % ROUND < PAUSE then return IDLE end
  local tank, far = room:nearest("tank", me.x, me.y)
  if not tank then return IDLE end

  -- The nearest of the eight directions to it.
  local there = math.atan2(tank.y - me.y, tank.x - me.x)
  local ahead = math.floor(there / EIGHTH + 0.5) * EIGHTH
  local aside = math.sin(there - ahead) * far

  local near, aligned = far < 170, math.abs(aside) < 7
  local fire = near and aligned and (room.tick + 7 * number) % TICKS_A_SHOT == 0
  local go = ahead
  if not fire and near then
    if not aligned then go = ahead + (aside > 0 and 1 or -1) * math.pi / 2
    elseif far < 90 then go = ahead + math.pi end
  end
  return { mx = math.floor(math.cos(go) + 0.5), my = math.floor(math.sin(go) + 0.5), fire = fire }
end

return bot
