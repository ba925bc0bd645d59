-- Entities: plain tables that module code owns, and the engine's own record of which of them live.
--
-- The engine trusts nothing it can find in an entity's table: classes keep lists of their own (`list`, `ids`, `ends`),
-- in order of spawning and so of ids, with `false` where one has gone until the next tick packs them.

local trusted, marks = ...
local ffi, setmetatable, fail, place = trusted.ffi, trusted.setmetatable, trusted.fail, trusted.place
local type, tostring, pairs, ipairs, rawget, next = type, tostring, pairs, ipairs, rawget, next
local format, concat, floor, max, sqrt, huge = string.format, table.concat, math.floor, math.max, math.sqrt, math.huge
local nan = 0 / 0

local ENTITIES_MAX = trusted.limits.entities
local RESERVED = { id = true, class = true, alive = true, owner = true, velocity = true, life = true, despawn = true }

local entities = { classes = {}, by_id = {}, count = 0 }
local by_id = entities.by_id
local classes, ordered = entities.classes, {}
local class_of, slot_of = {}, {} -- keyed by the entity's table
local numbers = setmetatable({}, { __mode = "k" }) -- player object -> number, also of players who left
entities.numbers = numbers
local next_id, tick, tick_rate, dt = 1, 0, 30, 1 / 30

-- Graves -------------------------------------------------------------------------------------------------------------

-- One metatable for each class and place; there are only so many lines in a module that despawn.
local graves = {}
local function grave(class, how)
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
  trusted.replace_metatable(entity, grave(class, how))
end

local function despawn(entity)
  if not class_of[entity] then fail("despawn: this is no entity; write entity:despawn()") end
  bury(entity, "at " .. place())
end

-- Classes ------------------------------------------------------------------------------------------------------------

local stepper -- below, with the walks

-- What a field holds when a spawn does not say.
local function default(kind)
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
  class.width = column
  line("      at = at + %d", column)
  line "    end"
  line "  end"
  line "  return at"
  line "end"
  local chunk = trusted.loadstring(concat(lines, "\n"), "=[airboat copier]")
  return chunk(numbers, choices, type, rawget, nan)
end

-- `declared`: a list of {name, fields = {names}, kinds = {…}, linear, life_ticks}, ascending by name, already checked.
function entities.declare(declared, rate)
  tick_rate, dt = rate, 1 / rate
  for index, class in ipairs(declared) do
    class.list, class.ids, class.ends, class.n, class.holes = {}, {}, {}, 0, 0
    class.meta = {
      __metatable = false,
      __index = { despawn = despawn },
      __tostring = function(entity) return format("%s %s", class.name, tostring(rawget(entity, "id"))) end,
    }
    class.copy = copier(class)
    class.step = stepper(class)
    class.has_place = false
    for _, name in ipairs(class.fields) do class.has_place = class.has_place or name == "x" end
    classes[class.name], ordered[index] = class, class
  end
end

local function class_named(name, api)
  local class = classes[name]
  if class then return class end
  local names = {}
  for i, known in ipairs(ordered) do names[i] = known.name end
  fail("%s: there is no class %s%s", api, tostring(name), trusted.did_you_mean(name, names))
end

local function is_number(v) return type(v) == "number" and v == v end

function entities.spawn(name, values)
  local class = class_named(name, "room:spawn")
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
    if entity[field] == nil then entity[field] = default(class.kinds[i]) end
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
      life = max(1, floor(values.life * tick_rate + 0.5))
    end
    if life > 0 then ends = tick + life end
  elseif values.velocity ~= nil or values.life ~= nil then
    fail('room:spawn: velocity and life need moves = "linear" in class %s', name)
  end

  -- The id comes last: reading `values` may have run module code that spawned too.
  local id, slot = next_id, class.n + 1
  next_id, entity.id = id + 1, id
  class.n = slot
  class.list[slot], class.ids[slot], class.ends[slot] = entity, id, ends
  class_of[entity], slot_of[entity], by_id[id], marks[entity] = class, slot, entity, id
  entities.count = entities.count + 1
  return setmetatable(entity, class.meta)
end

-- Walks --------------------------------------------------------------------------------------------------------------

-- A walk's state is in module code's hands (`local f, walk = room:each(…)`), so it holds numbers only: whoever could
-- write to a class's lists could make the copier write past its array.
function stepper(class)
  local list = class.list
  return function(walk)
    local slot, last = walk.slot, walk.last
    local far, x, y = walk.far, walk.x, walk.y
    while slot < last do
      slot = slot + 1
      local entity = list[slot]
      if entity then
        local near = true
        if far then
          local dx, dy = entity.x - x, entity.y - y
          near = dx * dx + dy * dy <= far
        end
        if near then
          walk.slot = slot
          return entity
        end
      end
    end
    walk.slot = slot
    return nil
  end
end

-- Those spawned during the walk stand behind `last` and are left out.
function entities.each(name)
  local class = class_named(name, "each")
  return class.step, { slot = 0, last = class.n }
end

local function check_circle(api, class, x, y, radius)
  if not class.has_place then fail("%s: class %s has no field x", api, class.name) end
  if not (is_number(x) and is_number(y) and is_number(radius)) then
    fail("%s: (class, x, y, distance) with numbers", api)
  end
end

function entities.within(name, x, y, radius)
  local class = class_named(name, "within")
  check_circle("within", class, x, y, radius)
  return class.step, { slot = 0, last = class.n, far = radius * radius, x = x, y = y }
end

-- The nearest, and its distance; of equals the older.
function entities.nearest(name, x, y, radius)
  local class = class_named(name, "nearest")
  radius = radius or huge
  check_circle("nearest", class, x, y, radius)
  local best, best_distance, list = nil, radius * radius, class.list
  for slot = 1, class.n do
    local entity = list[slot]
    if entity then
      local dx, dy = entity.x - x, entity.y - y
      local distance = dx * dx + dy * dy
      if distance < best_distance or (distance == best_distance and not best) then
        best, best_distance = entity, distance
      end
    end
  end
  if best then return best, sqrt(best_distance) end
  return nil
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

local function move(class)
  local list, ends = class.list, class.ends
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

-- Before the callbacks of a tick, when nobody walks: ends lives, moves, packs.
function entities.begin(now)
  tick = now
  for _, class in ipairs(ordered) do
    if class.linear then move(class) end
    if class.holes > 0 then pack(class) end
  end
end

local buffer, capacity = nil, 0

-- `address` is Rust's array; it stays where it is until the next call of this.
function entities.buffer(address, doubles)
  buffer, capacity = ffi.cast("double *", address), doubles
end

-- Writes the number of rows of each class, then all rows. Answers how many doubles that takes; where it is more than
-- there is room for, nothing was written.
function entities.copy()
  local needed = #ordered
  for _, class in ipairs(ordered) do needed = needed + (class.n - class.holes) * class.width end
  if needed + 3 > capacity then return needed + 3 end
  local at = #ordered
  for index, class in ipairs(ordered) do
    buffer[index - 1] = class.n - class.holes
    at = class.copy(buffer, at, class, capacity)
  end
  return needed
end

-- For error messages: what stands in a field.
function entities.describe(id, field)
  local entity = by_id[id]
  local value = entity and rawget(entity, field)
  if field == "velocity" and type(value) == "table" then
    return format("{ x = %s, y = %s }", tostring(rawget(value, "x")), tostring(rawget(value, "y")))
  end
  if type(value) == "string" then return format("%q", value) end
  if type(value) == "number" or type(value) == "boolean" or value == nil then return tostring(value) end
  return "a " .. type(value)
end

entities.reserved = RESERVED
return entities
