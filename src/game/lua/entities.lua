-- Classes of entities, as the engine keeps them, and their way out to Rust. Entities are plain tables that module code owns.
--
-- The engine trusts nothing it can find in an entity's table: classes keep lists of their own (`list`, `ids`, `ends`),
-- in order of spawning and so of ids, with `false` where one has gone until the next tick packs them. What makes and
-- ends entities is population.lua, from the first one on.

local trusted = ...
local fail, setmetatable = trusted.fail, trusted.setmetatable
local type, tostring, ipairs = type, tostring, ipairs

-- `numbers`: player object -> number, also of players who left. `population` is where it was loaded.
local entities = {
  classes = {}, ordered = {}, by_id = {}, numbers = setmetatable({}, { __mode = "k" }), count = 0, next_id = 1, tick = 0,
  population = false, copied = false,
}
local classes, ordered = entities.classes, entities.ordered

-- `declared`: a list of {name, fields = {names}, kinds = {…}, linear, life_ticks}, ascending by name, already checked.
-- A row of the copy is id and owner, the fields, and for what moves by itself vx, vy and its end.
function entities.declare(declared, rate)
  entities.rate = rate
  for index, class in ipairs(declared) do
    class.list, class.ids, class.ends, class.n, class.holes = {}, {}, {}, 0, 0
    class.width = 2 + #class.fields + (class.linear and 3 or 0)
    classes[class.name], ordered[index] = class, class
  end
end

local function class_named(name, api)
  local class = classes[name]
  if class then return class end
  if type(name) ~= "string" then fail("%s takes the name of a class: write %s(class, …), with a colon", api, api) end
  local names = {}
  for i, known in ipairs(ordered) do names[i] = known.name end
  fail("%s: there is no class %s%s", api, tostring(name), trusted.did_you_mean(name, names))
end
entities.class_named = class_named

-- A walk's state is in module code's hands (`local f, walk = room:each(…)`), so it holds numbers only: whoever could
-- write to a class's lists could make the copier write past its array.
local function stepper(class)
  local list = class.list
  class.step = function(walk)
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
  return class.step
end

local function none() return nil end

-- Those spawned during the walk stand behind `last` and are left out. Where nobody is, a tick makes no garbage.
function entities.each(name)
  local class = class_named(name, "room:each")
  if class.n == 0 then return none end
  return class.step or stepper(class), { slot = 0, last = class.n }
end

-- Before the callbacks of a tick, when nobody walks: ends lives, moves, packs.
function entities.begin(now)
  entities.tick = now
  if entities.population then entities.population.begin(now) end
end

local buffer, capacity = nil, 0

-- `address` is Rust's array; it stays where it is until the next call of this.
function entities.buffer(address, doubles)
  buffer, capacity = trusted.cast("double *", address), doubles
end

-- Writes the number of rows of each class, then all rows. Answers how many doubles that takes; where it is more than
-- there is room for, nothing was written.
function entities.copy()
  local needed = #ordered
  for _, class in ipairs(ordered) do needed = needed + (class.n - class.holes) * class.width end
  if needed + 3 > capacity then return needed + 3 end
  local at = #ordered
  for index, class in ipairs(ordered) do
    local count = class.n - class.holes
    buffer[index - 1] = count
    if count > 0 then at = class.copy(buffer, at, class, capacity) end
  end
  if entities.copied then entities.copied() end
  return needed
end

return entities
