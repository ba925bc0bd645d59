-- Lanterns: the teaching module. It uses every part of the module API once; docs/modules.md explains each of them.
--
-- Night falls for a minute. Everybody walks with a lantern and gathers fireflies, which flee from people who run and not
-- from those who sneak. One colour, which only you know, counts double for you. A puff of air blows out somebody's
-- lantern; a friend with a light who stands close lights it again. At dawn all colours are told, everybody votes for the
-- next place, and after three nights, or when somebody waits to play, it is back to the lobby.

-- A module may require its own files and the engine's helpers, and nothing else.
local step = require "shared.step"
local vector, lists = require "airboat.vector", require "airboat.list"
local number, angle, flag, choice, press = field.number, field.angle, field.flag, field.choice, field.press

local NIGHT, DAWN, NIGHTS = 60, 20, 3
local REACH, SHY, PUFF_REACH, FRIEND = 18, 64, 20, 34 -- units
local DARK, RELOAD = 4, 0.8 -- seconds
local COLOURS = { "rose", "amber", "mint", "sky" }
local BAD_WORDS = { "admin", "poop" }

-- Settings ------------------------------------------------------------------------------------------------------------

local game = {
  title = "Lanterns",
  tick_rate = 20, -- steps a second
  seats = { 1, 8 }, -- players; spectators are not counted
  bots = 3, -- while somebody plays, bots fill the seats up to here
  late = "next_round", -- who comes while a round is on watches, and plays from the next lobby on
  empty_after = 120, -- seconds until an empty room ends
  when_empty = "close",
}

-- What moves, and goes to everybody many times a second. Everything else an entity has is private and saved.
local x, y = number(0, step.WIDTH, 1/4), number(0, step.HEIGHT, 1/4)
game.entities = {
  lantern = { fields = { x = x, y = y, heading = angle(), lit = flag(), mood = choice { "none", "cheer", "wave", "away" } } },
  firefly = { fields = { x = x, y = y, colour = choice(COLOURS) } },
  -- Straight ahead, then gone: sent once, moved by the engine and by clients.
  gust = { fields = { x = x, y = y }, moves = "linear", life = 0.6 },
}

-- What a player holds (sent many times a second) and presses (never lost, never doubled).
game.inputs = {
  mx = number(-1, 1, 1/127), my = number(-1, 1, 1/127), aim = angle(), sneak = flag(),
  mood = choice { "none", "cheer", "wave" }, puff = press(),
}

-- Small helpers -------------------------------------------------------------------------------------------------------

local function place(room) return step.places[room.state.place] end

local function add_firefly(room)
  room:spawn("firefly", {
    x = room:random(30, step.WIDTH - 30), y = room:random(30, step.HEIGHT - 30), colour = COLOURS[room:random(#COLOURS)],
    way = room:random() * 2 * math.pi, -- private: where it flies
  })
end

local function give_lantern(room, player)
  local old = player.memory.lantern
  if old and old.alive then old:despawn() end
  player.memory.lantern = room:spawn("lantern", {
    x = room:random(100, step.WIDTH - 100), y = room:random(100, step.HEIGHT - 100), heading = 0, lit = true,
    mood = "none", owner = player, loaded_at = 0,
  })
end

local function light(room, player)
  local timer = player.memory.relight
  if timer then room:cancel(timer) end -- lit by a friend before its time
  player.memory.relight = nil
  player.memory.lantern.lit = true
end

-- Coming and going ----------------------------------------------------------------------------------------------------

-- A new room. `room.state` is a document: plain values that everybody sees, sent when they change.
function game.open(room)
  room.state.place, room.state.night = "pond", 0
  room.state.best = { name = "", points = 0 }
  room.store:get("best", "best") -- kept over rooms and restarts; answers below, in game.answers.best
end

-- Instead of `open`: a reload, a crash, a restart. All that stands in state, secret, memory and entities is there.
function game.restored(room, why) room:log("goes on after a", why) end

-- May refuse. The seat does not exist yet.
function game.enter(_, player)
  for _, word in ipairs(BAD_WORDS) do
    if player.name:lower():find(word, 1, true) then return false, "please take a friendlier name" end
  end
end

function game.join(room, player)
  player.state.points = 0
  if player.kind == "player" then give_lantern(room, player) end
end

-- The link is lost, the seat waits; then either `back` or `leave`.
function game.drop(_, player)
  local lantern = player.memory.lantern
  if lantern and lantern.alive then lantern.mood = "away" end
end

function game.back(_, player) player:send("welcome", { points = player.state.points }) end

function game.leave(room, player, reason)
  local lantern = player.memory.lantern
  if lantern and lantern.alive then lantern:despawn() end
  room:log(player.name, "left:", reason)
end

-- Phases: the lobby, readiness, the host, the deadline and who is done are the engine's ---------------------------------

local function nightfall(room)
  room.state.night = room.state.night + 1
  room.state.result = nil
  room.memory.votes = {}
  for player in room:players("player") do
    player.state.points = 0
    player.secret.colour = COLOURS[room:random(#COLOURS)] -- nobody else is ever sent this
    give_lantern(room, player)
  end
  for _ = 1, place(room).fireflies do add_firefly(room) end
  room.memory.hurry = room:after(NIGHT - 10, "hurry")
end

-- The night is over: all colours are told, and the best night of all times is written down.
local function tally(room)
  local result = list {}
  local best -- of the people
  for player in room:players("player") do
    local points = player.state.points
    if not player.bot and points > (best and best.points or 0) then best = { name = player.name, points = points } end
    result[#result + 1] = { player = player.id, name = player.name, points = points, colour = player.secret.colour }
  end
  table.sort(result, function(a, b) return a.points > b.points end)
  room.state.result = result
  if best and best.points > room.state.best.points then
    room.state.best = best
    room.store:set("best", best)
  end
  for firefly in room:each("firefly") do firefly:despawn() end
  room:cancel(room.memory.hurry)
end

-- Who came late has become a player with the new lobby and has no lantern yet.
local function gather(room)
  room.state.night = 0
  for player in room:players("player") do
    if not player.memory.lantern then give_lantern(room, player) end
  end
end

-- A function may say what comes next. Here the votes are counted; a draw is drawn by lot.
local function after_dawn(room)
  local counts = {}
  for _, name in pairs(room.memory.votes) do counts[name] = (counts[name] or 0) + 1 end
  local function votes(name) return counts[name] or 0 end
  local _, most = lists.best(step.place_names, votes)
  room.state.place = lists.pick(lists.filter(step.place_names, function(name) return votes(name) == most end))
  local waiting = room:count("spectator") > 0 -- in the lobby they become players
  return room.state.night < NIGHTS and not waiting and "night" or "lobby"
end

game.phases = {
  lobby = { start = "host", min = 2, next = "night", enter = gather },
  night = { seconds = NIGHT, enter = nightfall, leave = tally, next = "dawn" },
  dawn = {
    seconds = DAWN, next = after_dawn,
    done = function(_, player) return not player.bot end, -- the phase ends early when all of these are done
    missed = function(room, player) -- for everybody who was not
      room.memory.votes[player.id] = step.place_names[room:random(#step.place_names)]
    end,
  },
}

-- Playing -------------------------------------------------------------------------------------------------------------

-- Once for each player and tick.
function game.input(room, player, input)
  local lantern = player.memory.lantern
  if not (lantern and lantern.alive) then return end
  step.walk(lantern, input, room.dt)
  lantern.mood = input.mood
  lantern.loud = not input.sneak and (input.mx ~= 0 or input.my ~= 0)
  if input.puff == 0 or room.time < lantern.loaded_at then return end
  lantern.loaded_at = room.time + RELOAD
  room:spawn("gust", { x = lantern.x, y = lantern.y, velocity = vector.polar(input.aim, step.GUST), owner = player })
end

local function caught(room, firefly, player)
  local double = player.secret.colour == firefly.colour
  player.state.points = player.state.points + (double and 2 or 1)
  room:broadcast("caught", { by = player, colour = firefly.colour, x = firefly.x, y = firefly.y })
  if double then player:send("double", { colour = firefly.colour }) end -- only they may know
  firefly:despawn()
  room:after(1.5, "firefly")
end

local function fly(room, firefly)
  local lantern, far = room:nearest("lantern", firefly.x, firefly.y, SHY)
  if lantern and lantern.lit and far < REACH then return caught(room, firefly, lantern.owner) end
  local speed = 26
  if lantern and lantern.loud then
    firefly.way, speed = math.atan2(firefly.y - lantern.y, firefly.x - lantern.x), 96
  else
    firefly.way = firefly.way + (room:random() - 0.5) * 6 * room.dt
  end
  local wind = place(room).wind
  firefly.x = (firefly.x + (math.cos(firefly.way) * speed + wind.x) * room.dt) % step.WIDTH
  firefly.y = (firefly.y + (math.sin(firefly.way) * speed + wind.y) * room.dt) % step.HEIGHT
end

function game.tick(room)
  for firefly in room:each("firefly") do fly(room, firefly) end
  for gust in room:each("gust") do
    -- Judged by what stood on the screen of whoever puffed, however slow their network is.
    local ghost = room:seen(gust.owner):nearest("lantern", gust.x, gust.y, PUFF_REACH)
    local lantern = ghost and ghost.entity
    if lantern and lantern.alive and lantern.lit and lantern.owner ~= gust.owner then
      lantern.lit = false
      -- Timers are named, so that they can be saved. The number that comes back cancels it.
      lantern.owner.memory.relight = room:after(DARK, "relight", lantern.owner)
      lantern.owner:send("dark", { by = gust.owner })
      gust:despawn()
    end
  end
  for lantern in room:each("lantern") do
    if not lantern.lit then
      for friend in room:within("lantern", lantern.x, lantern.y, FRIEND) do
        if friend.lit then light(room, lantern.owner) end
      end
    end
  end
end

-- Named things: timers, messages, answers -----------------------------------------------------------------------------

game.timers = {}
function game.timers.firefly(room) if room.phase == "night" then add_firefly(room) end end
function game.timers.relight(room, player) light(room, player) end
function game.timers.hurry(room) room:broadcast("hurry", { seconds = 10 }) end

-- What clients may send. What a handler returns is the answer to a call.
game.messages = {}

function game.messages.vote(room, player, data)
  if room.phase ~= "dawn" or type(data) ~= "table" or not step.places[data.place] then return { taken = false } end
  room.memory.votes[player.id] = data.place
  player:done() -- when everybody is, the phase ends
  return { taken = true }
end

-- The host keeps the door, and the peace.
function game.messages.door(room, player, data)
  if player ~= room.host or type(data) ~= "table" then return { error = "only the host does this" } end
  if data.locked then room:lock() else room:unlock() end
  room.state.locked = data.locked == true
  local who = data.kick and room:player(tostring(data.kick))
  if who and who ~= player then who:kick("the host asked you to leave") end
  return { locked = room.state.locked }
end

game.answers = {}
function game.answers.best(room, value) if value then room.state.best = value end end

game.bot = require "bot"

return game
