-- War Battles: soldiers walk in eight directions and shoot rockets at tanks that patrol closed paths. Everybody races
-- for points, and may drop in and out at any time.
--
-- * A rocket hurts tanks, never soldiers: +100 for whoever fired it. One key press is one rocket; presses that come
--   faster than the launcher reloads are kept for later.
-- * Tanks shoot back, slowly, at the nearest soldier in range, and do not lead their aim: keep walking. A hit costs no
--   points, only the seconds until the soldier is back on its feet, away from the tanks.
-- * The more players, the more tanks. A destroyed tank comes back elsewhere, unless players have left since.
--
-- The server owns tanks, rockets and hits. Tanks go straight ahead most of the time, rockets and shells always
-- (`moves = "linear"`): they cost bytes only where they turn. Soldiers and tanks that explode are told by "boom"; a
-- rocket or shell that is gone just is, and clients draw its little puff of smoke by themselves.

local step = require "shared.step"
local path = require "airboat.path"
local map = require "shared.map"
local number, angle, flag, press = field.number, field.angle, field.flag, field.press

local POINTS = 100
local TANK_REACH, SOLDIER_REACH = 14, 8 -- how near a hit is; a tank's reach is also half its length
local TANK_SIGHT = 190
local TANK_BACK, SOLDIER_BACK = 4, 2.5 -- seconds
local SAFE = 160 -- from here on a place is far enough from others

local paths, spawns = {}, {}
for i, points in ipairs(map.paths) do paths[i] = path.new(points, true) end
for i = 1, #map.spawns, 2 do spawns[#spawns + 1] = { x = map.spawns[i], y = map.spawns[i + 1] } end

local game = {
  title = "War Battles", tick_rate = 30, seats = { 1, 16 }, late = "play", empty_after = 300, when_empty = "close",
  bots = 3, -- who comes alone has company
}

local x, y = number(0, step.WIDTH, 1/8), number(0, step.HEIGHT, 1/8)
game.entities = {
  soldier = { fields = { x = x, y = y, heading = angle(), moving = flag() } },
  tank = { fields = { x = x, y = y, heading = angle() }, moves = "linear" },
  rocket = { fields = { x = x, y = y }, moves = "linear", life = 1.0 },
  shell = { fields = { x = x, y = y }, moves = "linear", life = 1.7 },
}
game.inputs = { mx = number(-1, 1, 1), my = number(-1, 1, 1), fire = press() }

-- Where to appear: one of these places that is far enough from all entities of these classes, or else the farthest.
local function safest(room, places, classes)
  local best, best_distance, first = nil, -1, room:random(#places)
  for i = 1, #places do
    local place, distance = places[(first + i) % #places + 1], SAFE
    for _, class in ipairs(classes) do
      local _, nearer = room:nearest(class, place.x, place.y, distance)
      distance = nearer or distance
    end
    if distance > best_distance then best, best_distance = place, distance end
  end
  return best
end

local function outside(thing) return thing.x < 0 or thing.y < 0 or thing.x > step.WIDTH or thing.y > step.HEIGHT end

-- Clients draw the explosion: `kind` is what exploded.
local function explode(room, victim, by)
  room:broadcast("boom", { kind = victim.class, x = math.floor(victim.x), y = math.floor(victim.y), by = by })
  victim:despawn()
end

-- Tanks --------------------------------------------------------------------------------------------------------------

local function missing_tanks(room)
  local missing = math.min(4 + 2 * room:count("player"), 20)
  for _ in room:each("tank") do missing = missing - 1 end
  return missing
end

-- One step along the path. The velocity leads exactly to the next step, so the engine moves the tank there by itself.
local function patrol(tank, dt)
  local way = paths[tank.path]
  tank.distance = tank.distance + step.TANK_SPEED * dt
  local next_x, next_y = path.at(way, tank.distance + step.TANK_SPEED * dt)
  tank.x, tank.y = path.at(way, tank.distance)
  tank.velocity.x, tank.velocity.y = (next_x - tank.x) / dt, (next_y - tank.y) / dt
  tank.heading = path.heading(way, tank.distance, TANK_REACH)
end

local function shoot_back(room, tank)
  if room.time < tank.loaded_at then return end
  local soldier = room:nearest("soldier", tank.x, tank.y, TANK_SIGHT)
  if not soldier then return end
  local aim = math.atan2(soldier.y - tank.y, soldier.x - tank.x)
  room:spawn("shell", { x = tank.x, y = tank.y, velocity = step.toward(aim, step.SHELL_SPEED) })
  tank.loaded_at = room.time + room:random(25, 40) / 10
end

local function add_tank(room)
  local places = {}
  for i = 1, 8 do
    local way = room:random(#paths)
    local distance = room:random() * paths[way].length
    local at_x, at_y = path.at(paths[way], distance)
    places[i] = { path = way, distance = distance, x = at_x, y = at_y, loaded_at = room.time + room:random(1, 4) }
  end
  patrol(room:spawn("tank", safest(room, places, { "soldier", "tank" })), room.dt)
end

-- Coming and going ---------------------------------------------------------------------------------------------------

function game.open(room)
  room.state.map = map.as_text()
  room.state.score = {} -- player id -> points
  room.state.best = { name = "", score = 0 } -- since the room opened
end

function game.join(room, player)
  if player.kind ~= "player" then return end -- somebody to watch
  room.state.score[player.id] = 0
  game.timers.soldier(room, player)
  for _ = 1, missing_tanks(room) do add_tank(room) end
end

function game.leave(room, player)
  room.state.score[player.id] = nil
  local soldier = player.memory.soldier
  if soldier and soldier.alive then soldier:despawn() end
end

game.timers = {}

function game.timers.soldier(room, player)
  local place = safest(room, spawns, { "tank" })
  player.memory.soldier = room:spawn("soldier", {
    x = place.x, y = place.y, heading = math.pi / 2, owner = player, rockets = 0, loaded_at = 0,
  })
end

function game.timers.tank(room)
  if missing_tanks(room) > 0 then add_tank(room) end
end

-- Playing ------------------------------------------------------------------------------------------------------------

function game.input(room, player, input)
  local soldier = player.memory.soldier
  if not (soldier and soldier.alive) then return end
  step.walk(soldier, input, room.dt)
  soldier.rockets = soldier.rockets + input.fire
  if soldier.rockets == 0 or room.time < soldier.loaded_at then return end
  soldier.rockets, soldier.loaded_at = soldier.rockets - 1, room.time + step.RELOAD
  room:spawn("rocket", {
    x = soldier.x, y = soldier.y, velocity = step.toward(soldier.heading, step.ROCKET_SPEED), owner = player,
  })
end

local function score(room, player)
  local points = room.state.score[player.id]
  if not points then return end -- left while the rocket flew
  points = points + POINTS
  room.state.score[player.id] = points
  if points > room.state.best.score and not player.bot then room.state.best = { name = player.name, score = points } end
end

function game.tick(room)
  for tank in room:each("tank") do
    patrol(tank, room.dt)
    shoot_back(room, tank)
  end
  for rocket in room:each("rocket") do
    -- Judged where the one who fired saw the tanks.
    local ghost = room:seen(rocket.owner):nearest("tank", rocket.x, rocket.y, TANK_REACH)
    if ghost then
      score(room, rocket.owner)
      explode(room, ghost.entity, rocket.owner)
      room:after(TANK_BACK, "tank")
    end
    if ghost or outside(rocket) then rocket:despawn() end
  end
  for shell in room:each("shell") do
    local soldier = room:nearest("soldier", shell.x, shell.y, SOLDIER_REACH)
    if soldier then
      room:after(SOLDIER_BACK, "soldier", soldier.owner)
      explode(room, soldier)
    end
    if soldier or outside(shell) then shell:despawn() end
  end
end

game.bot = require "bot"

return game
