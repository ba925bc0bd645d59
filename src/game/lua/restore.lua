-- A room put back from a checkpoint, into a fresh VM: `revive_*` make players and entities as shells, then `restore` fills
-- them, when every reference has something to point at.

local host, trusted, run = ...
run.need "players"
local population = run.need "population"
local engine, entities, room_values, players = run.engine, run.entities, run.room_values, run.players
local setmetatable, getmetatable, random = trusted.setmetatable, trusted.getmetatable, trusted.random
local type, ipairs, next, max, ceil, format = type, ipairs, next, math.max, math.ceil, string.format
local by_id, ENTITIES_MAX = entities.by_id, trusted.limits.entities

local function is_number(v) return type(v) == "number" and v == v end

-- Told when a checkpoint has something that this version of the module has no place for.
function run.dropped(what, why) host.error(format("%s is dropped: %s", what, why)) end

function engine.revive_room(name, tick, next_id)
  room_values.name = name
  run.set_tick(tick)
  entities.tick, entities.next_id = tick, max(entities.next_id, next_id)
end

-- Roles are told anew: the room does not remember them.
function engine.revive_player(number, name, kind, bot, connected, role)
  engine.seat(number, name, kind, bot)
  local values = players[number].values
  values.connected, values.role = connected, role
  if role ~= "" then host.role(number, role) end
end

-- Documents keep their tables, which Rust and perhaps the module already hold.
local function fill(into, from)
  for key, value in next, from or {} do into[key] = value end
  if from and getmetatable(from) then setmetatable(into, run.list_meta) end
end

local function fill_player(values, saved)
  values.role = saved.role or ""
  fill(values.state, saved.state)
  fill(values.secret, saved.secret)
  fill(values.memory, saved.memory)
end

-- A shell with its old id; false where the module has no such class any more. Ids ascend within a class.
function engine.revive_entity(name, id, ends)
  local class = entities.classes[name]
  if not class then return false end
  if by_id[id] or entities.count >= ENTITIES_MAX or id <= (class.ids[class.n] or 0) then return false end
  entities.next_id = max(entities.next_id, id + 1)
  population.enrol({ id = id, class = name, alive = true }, class, id, class.linear and ends or 0)
  return true
end

local function fits(kind, value)
  if kind.kind == "flag" then return type(value) == "boolean" end
  if kind.kind ~= "choice" then return is_number(value) end
  for _, choice in ipairs(kind) do
    if choice == value then return true end
  end
  return false
end

-- Fields that this version of the module does not declare stay as private values; what does not fit a declared one,
-- and what is new, gets what a spawn would give it.
local function refill(saved)
  local entity = by_id[saved.id]
  local class = entity and population.class_of[entity]
  if not class or class.name ~= saved.class then return end
  for key, value in next, saved.fields or {} do
    if not population.reserved[key] then entity[key] = value end
  end
  for i, field in ipairs(class.fields) do
    if not fits(class.kinds[i], entity[field]) then entity[field] = population.default(class.kinds[i]) end
  end
  if saved.owner and entities.numbers[saved.owner] then entity.owner = saved.owner end
  if not class.linear then return end
  entity.velocity = saved.velocity
  if saved.velocity == nil then
    -- It did not move by itself in the version that saved it.
    entity.velocity = { x = 0, y = 0 }
    if class.life_ticks > 0 then class.ends[population.slot_of[entity]] = entities.tick + class.life_ticks end
  end
end

-- What was saved under another tick rate: ticks of timers and of the phase are those of the same moments now, as in Rust.
local function retime(frame)
  local from, to = frame.rate, run.rate
  if not from or from == to then return end
  local function at(tick) return tick and ceil(tick * to / from) end
  for _, timer in ipairs(frame.timers or {}) do timer.at = at(timer.at) end
  local phase = frame.phase
  if phase then phase.since, phase.ends = at(phase.since), at(phase.ends) end
end

function engine.restore(frame)
  retime(frame)
  for i = 1, 4 do random[i] = frame.random and frame.random[i] or random[i] end
  fill(room_values.state, frame.state)
  fill(room_values.memory, frame.memory)
  for _, saved in ipairs(frame.players or {}) do fill_player(players[saved.number].values, saved) end
  for _, saved in ipairs(frame.left or {}) do
    local object = run.by_number[saved.number]
    if object then fill_player(getmetatable(object).__index, saved) end
  end
  for _, saved in ipairs(frame.entities or {}) do refill(saved) end
  if frame.next_timer then run.need("timers").restore(frame.timers, frame.next_timer) end
  run.need("kept").restore(type(frame.phase) == "table" and frame.phase or {})
  if type(frame.requests) == "table" then run.need("store").restore(frame.requests.waiting, frame.requests.next) end
end

function engine.restored(why) run.call("restored", why) end

-- What stands in the place of an entity that was despawned before.
engine.dead = setmetatable({}, population.grave({ name = "entity" }, "before the room was restored"))

return engine
