-- Entities that live: how one comes about, moves, ends, and is written out.

local _, trusted, run = ...
local entities, marks, parts = run.entities, run.marks, run.parts
local setmetatable, fail = trusted.setmetatable, trusted.fail
local type, tostring, pairs, ipairs, rawget, next = type, tostring, pairs, ipairs, rawget, next
local format, concat, floor, max = string.format, table.concat, math.floor, math.max
local nan = 0 / 0

local ENTITIES_MAX = trusted.limits.entities
local RESERVED = { id = true, class = true, alive = true, owner = true, velocity = true, life = true, despawn = true }

local by_id, ordered, numbers = entities.by_id, entities.ordered, entities.numbers
local class_of, slot_of = {}, {} -- keyed by the entity's table
local population = { class_of = class_of, slot_of = slot_of, reserved = RESERVED }

-- Graves -------------------------------------------------------------------------------------------------------------

-- One metatable for each class and place; there are only so many lines in a module that despawn.
local graves = {}
function population.grave(class, how)
  local text = format("this %s was despawned %s", class.name, how)
  local found = graves[text]
  if found then return found end
  found = {
    __metatable = false,
    __index = function(_, key)
      if key == "alive" then return false end
      fail("%s; only .alive may be read, not .%s", text, tostring(key))
    end,
    __newindex = function(_, key) fail("%s; .%s can not be set", text, tostring(key)) end,
    __tostring = function() return "despawned " .. class.name end,
  }
  marks[found] = true -- documents see a despawned entity as nil
  graves[text] = found
  return found
end

local function bury(entity, how)
  local class, slot = class_of[entity], slot_of[entity]
  by_id[class.ids[slot]] = nil
  class.list[slot] = false
  class.holes = class.holes + 1
  entities.count = entities.count - 1
  class_of[entity], slot_of[entity], marks[entity] = nil, nil, nil
  for key in next, entity do entity[key] = nil end
  trusted.replace_metatable(entity, population.grave(class, how))
end

local function despawn(entity)
  if not class_of[entity] then fail("despawn: this is no entity; write entity:despawn()") end
  bury(entity, "at " .. trusted.place())
end

-- Births -------------------------------------------------------------------------------------------------------------

-- What a field holds when a spawn does not say.
function population.default(kind)
  if kind.kind == "number" then return (kind.min > 0 and kind.min) or (kind.max < 0 and kind.max) or 0 end
  if kind.kind == "flag" then return false end
  if kind.kind == "choice" then return kind[1] end
  return 0
end

-- Writes the declared fields of every entity of a class into doubles; a value that is not of its kind becomes NaN,
-- which Rust reports by class, id and field. Nothing in here can run module code: metatables of entities are ours, and
-- a velocity is read raw.
local function copier(class)
  local choices, lines = {}, {}
  local function line(...) lines[#lines + 1] = format(...) end
  line "local numbers, choices, type, rawget, nan = ..."
  line "return function(to, at, class, capacity)"
  line "  local list, ids, ends = class.list, class.ids, class.ends"
  line "  for slot = 1, class.n do"
  line "    local e = list[slot]"
  line "    if e then"
  line("      if at + %d > capacity then return at end -- never: the rows were counted", 2 + #class.fields + 3)
  line "      local v = e.owner"
  line "      to[at] = ids[slot]"
  line "      if v == nil then to[at + 1] = 0 else to[at + 1] = numbers[v] or nan end"
  local column = 2
  for i, name in ipairs(class.fields) do
    local kind = class.kinds[i]
    line("      v = e[%q]", name)
    if kind.kind == "flag" then
      line("      if v == true then to[at + %d] = 1 elseif v == false then to[at + %d] = 0 else to[at + %d] = nan end",
        column, column, column)
    elseif kind.kind == "choice" then
      choices[i] = {}
      for index, choice in ipairs(kind) do choices[i][choice] = index - 1 end
      line("      if v == nil then v = nan else v = choices[%d][v] or nan end", i)
      line("      to[at + %d] = v", column)
    else
      line("      if type(v) ~= 'number' then v = nan end")
      line("      to[at + %d] = v", column)
    end
    column = column + 1
  end
  if class.linear then
    line "      v = e.velocity"
    line "      local vx, vy = nan, nan"
    line "      if type(v) == 'table' then vx, vy = rawget(v, 'x'), rawget(v, 'y') end"
    line "      if type(vx) ~= 'number' then vx = nan end"
    line "      if type(vy) ~= 'number' then vy = nan end"
    line("      to[at + %d], to[at + %d], to[at + %d] = vx, vy, ends[slot]", column, column + 1, column + 2)
    column = column + 3
  end
  line("      at = at + %d", column)
  line "    end"
  line "  end"
  line "  return at"
  line "end"
  local chunk = trusted.loadstring(concat(lines, "\n"), "=[airboat copier]")
  return chunk(entities.numbers, choices, type, rawget, nan)
end

local function is_number(v) return type(v) == "number" and v == v end

-- What a class needs from its first entity on.
local function prepare(class)
  class.copy = copier(class)
  class.meta = {
    __metatable = false,
    __index = { despawn = despawn },
    __tostring = function(entity) return format("%s %s", class.name, tostring(rawget(entity, "id"))) end,
  }
  return class.meta
end

-- From here on the entity lives.
function population.enrol(entity, class, id, ends)
  local slot, meta = class.n + 1, class.meta or prepare(class)
  class.n = slot
  class.list[slot], class.ids[slot], class.ends[slot] = entity, id, ends
  class_of[entity], slot_of[entity], by_id[id], marks[entity] = class, slot, entity, id
  entities.count = entities.count + 1
  return setmetatable(entity, meta)
end

function run.room_values.spawn(_, name, values)
  local class = entities.class_named(name, "room:spawn")
  if entities.count >= ENTITIES_MAX then
    fail("room:spawn: %d entities live already, which is the limit of a room", ENTITIES_MAX)
  end
  if values ~= nil and type(values) ~= "table" then fail("room:spawn: the fields are a table") end
  values = values or {}
  local entity = { id = 0, class = name, alive = true }
  for key, value in pairs(values) do
    if not RESERVED[key] then entity[key] = value end
  end
  for i, field in ipairs(class.fields) do
    if entity[field] == nil then entity[field] = population.default(class.kinds[i]) end
  end
  local owner = values.owner
  if owner ~= nil and not numbers[owner] then fail("room:spawn: owner is a player or nil") end
  entity.owner = owner

  local ends = 0
  if class.linear then
    local velocity = values.velocity or { x = 0, y = 0 }
    if type(velocity) ~= "table" or not is_number(velocity.x) or not is_number(velocity.y) then
      fail("room:spawn: velocity is a table { x = number, y = number }")
    end
    entity.velocity = { x = velocity.x, y = velocity.y }
    local life = class.life_ticks
    if values.life ~= nil then
      if not is_number(values.life) or values.life <= 0 or values.life > 86400 then
        fail("room:spawn: life is a number of seconds")
      end
      life = max(1, floor(values.life * entities.rate + 0.5))
    end
    if life > 0 then ends = entities.tick + life end
  elseif values.velocity ~= nil or values.life ~= nil then
    fail('room:spawn: velocity and life need moves = "linear" in class %s', name)
  end

  -- The id comes last: reading `values` may have run module code that spawned too.
  local id = entities.next_id
  entities.next_id, entity.id = id + 1, id
  return population.enrol(entity, class, id, ends)
end

-- The engine's side --------------------------------------------------------------------------------------------------

local function pack(class)
  local list, ids, ends, to = class.list, class.ids, class.ends, 0
  for slot = 1, class.n do
    local entity = list[slot]
    if entity then
      to = to + 1
      if to ~= slot then
        list[to], ids[to], ends[to] = entity, ids[slot], ends[slot]
        slot_of[entity] = to
      end
    end
  end
  for slot = to + 1, class.n do list[slot], ids[slot], ends[slot] = nil, nil, nil end
  class.n, class.holes = to, 0
end

local function move(class, tick)
  local list, ends, dt = class.list, class.ends, 1 / entities.rate
  for slot = 1, class.n do
    local entity = list[slot]
    if entity then
      if ends[slot] ~= 0 and tick >= ends[slot] then
        bury(entity, "at the end of its life")
      else
        -- Whatever is not a number is left alone here; the copier names it.
        local v, x, y = entity.velocity, entity.x, entity.y
        if type(v) == "table" and type(x) == "number" and type(y) == "number" then
          local vx, vy = rawget(v, "x"), rawget(v, "y")
          if type(vx) == "number" and type(vy) == "number" then
            entity.x, entity.y = x + vx * dt, y + vy * dt
          end
        end
      end
    end
  end
end

function population.begin(tick)
  for _, class in ipairs(ordered) do
    if class.grid then parts.grid.forget(class) end
    if class.linear then move(class, tick) end
    if class.holes > 0 then pack(class) end
  end
end

-- For error messages: what stands in a field.
function population.describe(id, field)
  local entity = by_id[id]
  local value = entity and rawget(entity, field)
  if field == "velocity" and type(value) == "table" then
    return format("{ x = %s, y = %s }", tostring(rawget(value, "x")), tostring(rawget(value, "y")))
  end
  if type(value) == "string" then return format("%q", value) end
  if type(value) == "number" or type(value) == "boolean" or value == nil then return tostring(value) end
  return "a " .. type(value)
end

entities.population = population
return population
