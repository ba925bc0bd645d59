-- The room as modules have it, and the engine's side, which Rust calls. Nothing that Rust passes in (host, trusted) is
-- ever reachable from module code.
--
-- A room that idles is mostly functions, a small one of which takes 200 bytes. So what a room does not do while nobody is
-- there stands in files of its own, which their first use loads (`need`); `run` is what they share.

local host, trusted, marks, entities = ...
local fail, setmetatable, getmetatable = trusted.fail, trusted.setmetatable, trusted.getmetatable
local type, tostring, pairs, rawget = type, tostring, pairs, rawget
local sort = table.sort

local run = { tick = 0, rate = 30, entities = entities, marks = marks, phases = false, game = false }
local engine = { entities = entities }
run.engine = engine

local parts = {} -- name -> what the file has returned
local function need(name)
  local part = parts[name]
  if not part then
    part = trusted.part(name, host, trusted, run) or true
    parts[name] = part
  end
  return part
end
run.parts, run.need, engine.need = parts, need, need

function run.sorted_keys(from)
  local names = {}
  for name in pairs(from) do names[#names + 1] = tostring(name) end
  sort(names)
  return names
end

-- Reads go to `values`; what is not there raises and says what is. `absent`: what may be nil (true), or the name of the
-- file that puts it there.
local function guarded(label, values, set, absent)
  local function unknown(_, key)
    local known = absent and absent[key]
    if known then
      if known ~= true then need(known) end
      return rawget(values, key)
    end
    local all = {}
    for name in pairs(values) do all[name] = true end
    for name in pairs(absent or {}) do all[name] = true end
    fail("%s.%s does not exist%s", label, tostring(key), trusted.did_you_mean(key, run.sorted_keys(all)))
  end
  setmetatable(values, { __index = unknown, __metatable = false })
  return setmetatable({}, { __index = values, __newindex = set, __metatable = false })
end
run.guarded = guarded

-- Fields and list ----------------------------------------------------------------------------------------------------

run.kinds = setmetatable({}, { __mode = "k" }) -- what field.* has made, so that nothing else passes for it
run.field_values = {}
field = guarded("field", run.field_values, function() fail("field can not be changed") end, {
  number = "fields", angle = "fields", flag = "fields", choice = "fields", press = "fields",
})

local list_meta = { __metatable = false }
marks[list_meta] = false
-- An empty table is a map in documents and messages unless it was made by this.
function list(items)
  if type(items) ~= "table" or getmetatable(items) then fail("list takes a plain table: list {}") end
  return setmetatable(items, list_meta)
end

-- Room ---------------------------------------------------------------------------------------------------------------

run.players, run.seats = {}, {} -- number -> { object, values, number, seat = its place in `seats` }
run.left = setmetatable({}, { __mode = "k" }) -- players who left -> true

local room_values = {
  tick = 0, time = 0, dt = 1 / 30, state = {}, memory = {}, name = "",
  each = function(_, class) return entities.each(class) end,
  random = function(self, low, high)
    run.check_self(self, "room:random")
    return trusted.draw("room:random", low, high)
  end,
}
local room = guarded("room", room_values, function(_, key)
  if key == "state" or key == "memory" then
    fail("room.%s is changed, never replaced: write room.%s.something = …", key, key)
  end
  fail("room.%s can not be set; keep your own things in room.state or room.memory", tostring(key))
end, {
  phase = true, host = true, store = "store", seen = "past", after = "timers", cancel = "timers",
  spawn = "population", within = "search", nearest = "search",
  players = "seats", player = "seats", count = "seats", broadcast = "room", go = "room", lock = "room", unlock = "room",
  log = "room", close = "room",
})
run.room, run.room_values, run.list_meta = room, room_values, list_meta

-- Of what would be silent about a dot in the colon's place.
function run.check_self(self, api)
  if self ~= room then fail("%s: write %s(…), with a colon", api, api) end
end

-- Whether a value stands for somebody or something that is not there any more.
function run.is_gone(value)
  if type(value) ~= "table" then return false end
  local meta = getmetatable(value)
  return run.left[value] or (meta and marks[meta] == true)
end

-- The engine's side --------------------------------------------------------------------------------------------------

engine.list_meta = list_meta
function engine.suggest(wrong, names) return trusted.did_you_mean(wrong, names) end
function engine.is_kind(value) return run.kinds[value] == true end

local game -- the module's table
local function call(name, ...)
  local f = game[name]
  if f then return f(room, ...) end
end
run.call = call

local phases = nil -- of a module that has some
-- `declared` = {rate, classes, inputs}, checked by Rust.
function engine.start(loaded_game, declared, input_address)
  game, run.game, run.rate = loaded_game, loaded_game, declared.rate
  run.declared, run.input_address = declared, input_address
  room_values.dt = 1 / run.rate
  entities.declare(declared.classes, run.rate)
  if type(rawget(game, "phases")) == "table" then
    phases = need "phases"
  end
  -- What a room is made with is of no use to it.
  engine.start, engine.suggest, engine.is_kind, entities.declare = nil, nil, nil, nil
  for name in pairs(run.field_values) do run.field_values[name] = nil end
  parts.fields = nil
  return room_values.state
end

function engine.open(name, seed_low, seed_high)
  room_values.name = name
  trusted.seed(seed_low, seed_high)
  if phases then phases.open() end
  call "open"
end

function run.set_tick(now)
  run.tick = now
  room_values.tick, room_values.time = now, now / run.rate
  trusted.clock.time = room_values.time
end
local set_tick = run.set_tick

local seats, alone = run.seats, nil -- since when nobody has been here, after somebody was
local function look_for_people(now)
  if seats[1] then
    if alone ~= false then trusted.occupied() end
    alone = false
  elseif alone == false then
    alone = now
  elseif alone and now - alone >= run.rate * trusted.limits.rest then
    alone = nil
    trusted.rest()
  end
end

-- Answers how many timers are due; Rust fires them one by one, each a callback of its own.
function engine.begin(now)
  set_tick(now)
  look_for_people(now)
  entities.begin(now)
  if phases then phases.begin() end
  if parts.past then parts.past.begin() end
  if parts.store then parts.store.begin() end
  return parts.timers and parts.timers.begin(now) or 0
end

function engine.tick() call "tick" end
function engine.phase_step() return phases and phases.step() end

return engine
