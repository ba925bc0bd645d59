-- Entities near a place: room:within and room:nearest.

local _, trusted, run = ...
local entities, fail = run.entities, trusted.fail
local type, ipairs, max, sqrt, huge = type, ipairs, math.max, math.sqrt, math.huge
local GRID_MIN = 128 -- alive of one class: fewer are searched one by one

local search = {}

local function is_number(v) return type(v) == "number" and v == v end

local function has_place(class)
  if class.has_place == nil then
    class.has_place = false
    for _, name in ipairs(class.fields) do class.has_place = class.has_place or name == "x" end
  end
  return class.has_place
end

function search.check_circle(api, class, x, y, radius)
  if not has_place(class) then fail("%s: class %s has no field x", api, class.name) end
  if not (is_number(x) and is_number(y) and is_number(radius)) then
    fail("%s: (class, x, y, distance) with numbers", api)
  end
end

-- A walk as of room:each, over the slots that a grid gave: `walk` lists them, and is not trusted with more than choosing
-- among the living.
local function visitor(class)
  local list = class.list
  return function(walk)
    local far, x, y = walk.far, walk.x, walk.y
    for at = walk.at + 1, walk.count do
      local entity = list[walk[at]]
      if entity then
        local dx, dy = entity.x - x, entity.y - y
        if dx * dx + dy * dy <= far then
          walk.at = at
          return entity
        end
      end
    end
    walk.at = walk.count
    return nil
  end
end

-- The grid of a class when it is so many that one pays.
local grid = nil
local function cells_of(class)
  if class.n - class.holes < GRID_MIN then return nil end
  if not class.visit then
    local kinds = {}
    for i, name in ipairs(class.fields) do kinds[name] = class.kinds[i] end
    grid = grid or run.need "grid"
    class.grid, class.visit = grid.new(kinds.x, kinds.y), visitor(class)
  end
  return class.grid and grid.of(class, entities.tick)
end

function search.within(name, x, y, radius)
  local class = entities.class_named(name, "room:within")
  search.check_circle("room:within", class, x, y, radius)
  local cells = cells_of(class)
  if cells then
    local walk = { at = 0, count = 0, far = radius * radius, x = x, y = y }
    local count = grid.gather(cells, x, y, max(radius, -radius), walk)
    if count then
      for slot = cells.n + 1, class.n do
        count = count + 1
        walk[count] = slot
      end
      walk.count = count
      return class.visit, walk
    end
  end
  return class.step or entities.each(name), { slot = 0, last = class.n, far = radius * radius, x = x, y = y }
end

-- The nearest, and its distance; of equals the older.
function search.nearest(name, x, y, radius)
  local class = entities.class_named(name, "room:nearest")
  radius = radius or huge
  search.check_circle("room:nearest", class, x, y, radius)
  local best, best_distance, list = nil, radius * radius, class.list
  local cells, first = cells_of(class), 1
  if cells then
    local slot
    slot, best_distance = grid.nearest(cells, list, x, y, radius < 0 and -radius or radius)
    best, first = slot and list[slot], cells.n + 1 -- what was spawned since
  end
  for slot = first, class.n do
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

function run.room_values.within(_, class, x, y, distance) return search.within(class, x, y, distance) end
function run.room_values.nearest(_, class, x, y, distance) return search.nearest(class, x, y, distance) end

return search
