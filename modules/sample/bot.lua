-- A player of the computer's. It is given what a client sees and answers with what a client sends: it can look at
-- entities, `room.state` and `player.state`, but at nobody's secret, and keeps nothing between two ticks. It is gentle:
-- it often stops to look around, so that people win.

local IDLE = {}
local ROUND, PAUSE = 8, 5 -- seconds: of every so many, it stands still for these

local function bot(room, player)
  local me
  for lantern in room:each("lantern") do
    if lantern.owner.id == player.id then me = lantern end
  end
  if not me then return IDLE end
  local number = tonumber(player.id)
  if (room.time + 2.6 * number) % ROUND < PAUSE then return IDLE end

  -- Everybody has a firefly of their own to go for, so that bots do not walk in a row.
  local best, best_far
  for firefly in room:each("firefly") do
    local dx, dy = firefly.x - me.x, firefly.y - me.y
    local far = math.sqrt(dx * dx + dy * dy) + (firefly.id * 37 + number * 101) % 160
    if not best or far < best_far then best, best_far = firefly, far end
  end
  if not best then return { mood = math.floor(room.time) % 9 == 0 and "wave" or "none" } end

  local dx, dy = best.x - me.x, best.y - me.y
  local far = math.sqrt(dx * dx + dy * dy)
  if far < 3 then return IDLE end
  -- Close by it goes on tiptoe, as people do; and now and then it puffs at whatever is before it.
  return {
    mx = dx / far, my = dy / far, sneak = far < 70, aim = me.heading,
    puff = (room.tick + 31 * number) % 140 == 0,
  }
end

return bot
