-- room:seen(player): the room as it stood on that player's screen, at most PAST_MAX ago.
--
-- From the first call on, every tick's positions and declared fields are kept in a ring of columns. What a walk hands
-- out are ghosts, from a pool that starts over with each tick. Module code holds views, walks and ghosts, which are
-- empty and locked; what they stand for lies in tables of this file, so that nobody can reach the ring.

local _, trusted, run = ...
local fail, setmetatable = trusted.fail, trusted.setmetatable
local entities, by_id, search = run.entities, run.entities.by_id, run.need "search"
local type, tostring, ipairs, next = type, tostring, ipairs, next
local floor, ceil, max, sqrt, huge = math.floor, math.ceil, math.max, math.sqrt, math.huge
local concat, format = table.concat, string.format
local PAST_MAX = 0.2 -- seconds
local POOL_MAX = 1024 -- ghosts of one class, and walks, that are used again in the next tick

local past = {}
local recording = false
local ring, size, first, newest = {}, 0, 0, -1 -- tick % size -> { tick, [class] = columns }
local shown = {} -- number of a player -> the tick on the screen, with its fraction

local function locked(what)
  return { __metatable = false, __newindex = function() fail("room:seen: %s can not be changed", what) end }
end

-- Recording ----------------------------------------------------------------------------------------------------------

-- Copies all entities of a class into columns: ids, the tables themselves, then one column a field.
local function recorder(class)
  local lines, columns, sets = {}, {}, {}
  for i, name in ipairs(class.fields) do
    columns[i] = format("local c%d = columns[%d]", i, i)
    sets[i] = format("      c%d[at] = e[%q]", i, name)
  end
  lines[1] = "local list, ids, class = ..."
  lines[2] = "return function(columns)"
  lines[3] = "  local to_ids, to_entities, at = columns.ids, columns.entities, 0"
  lines[4] = "  " .. concat(columns, "\n  ")
  lines[5] = "  for slot = 1, class.n do"
  lines[6] = "    local e = list[slot]"
  lines[7] = "    if e then"
  lines[8] = "      at = at + 1"
  lines[9] = "      to_ids[at], to_entities[at] = ids[slot], e"
  lines[10] = concat(sets, "\n")
  lines[11] = "    end"
  lines[12] = "  end"
  lines[13] = "  for i = at + 1, columns.n do to_ids[i], to_entities[i] = nil, nil end"
  lines[14] = "  columns.n = at"
  lines[15] = "end"
  local chunk = trusted.loadstring(concat(lines, "\n"), "=[airboat recorder]")
  return chunk(class.list, class.ids, class)
end

local function new_frame()
  local frame = { tick = -1 }
  for _, class in ipairs(entities.ordered) do
    local columns = { n = 0, ids = {}, entities = {} }
    for i = 1, #class.fields do columns[i] = {} end
    frame[class] = columns
  end
  return frame
end

-- After the callbacks of a tick, when it is copied for the clients.
local function record()
  local tick = run.tick
  local frame = ring[tick % size]
  frame.tick, newest = tick, tick
  for _, class in ipairs(entities.ordered) do class.record(frame[class]) end
end

-- Ghosts -------------------------------------------------------------------------------------------------------------

local ghost_set = function() fail("room:seen: the past can not be changed; use .entity") end

local function new_ghost(class)
  local values, known = { class = class.name }, { owner = true }
  for _, name in ipairs(class.fields) do known[name] = true end
  setmetatable(values, {
    __index = function(_, key)
      if known[key] then return nil end
      if key == "alive" then return values.entity.alive end
      fail("room:seen: a ghost of %s has id, owner, class, entity and the declared fields, not %s; .entity.%s is the present's",
        class.name, tostring(key), tostring(key))
    end,
  })
  return { values = values, ghost = setmetatable({}, { __metatable = false, __index = values, __newindex = ghost_set }) }
end

-- One that is free in this tick. A script may have written into it past its lock: that one is not used again.
local function take(class)
  local pool = class.pool
  local used = pool.used + 1
  pool.used = used
  local slot = pool[used]
  if not slot or next(slot.ghost) ~= nil then
    slot = new_ghost(class)
    if used <= POOL_MAX then pool[used] = slot end
  end
  return slot
end

local function start()
  recording = true
  size = ceil(PAST_MAX * run.rate) + 2
  first = run.tick
  for i = 0, size - 1 do ring[i] = new_frame() end
  for _, class in ipairs(entities.ordered) do
    class.record, class.pool = recorder(class), { used = 0 }
    for i, name in ipairs(class.fields) do
      if class.kinds[i].kind == "number" and (name == "x" or name == "y") then class[name .. "_column"] = i end
    end
  end
  entities.copied = record
end

local function fill_identity(values, id, entity)
  values.id, values.entity, values.owner = id, entity, entity.owner
end

local function mixed(a, b, fraction)
  if type(a) == "number" and type(b) == "number" then return a + (b - a) * fraction end
  return a
end

-- The ghost of a row, x and y between it and the same entity's row one tick later, where there is one.
local function ghost_of_row(class, columns, row, later, later_row, fraction)
  local slot = take(class)
  local values = slot.values
  fill_identity(values, columns.ids[row], columns.entities[row])
  local fields = class.fields
  for i = 1, #fields do values[fields[i]] = columns[i][row] end
  if later_row then
    local x, y = class.x_column, class.y_column
    if x then values.x = mixed(columns[x][row], later[x][later_row], fraction) end
    if y then values.y = mixed(columns[y][row], later[y][later_row], fraction) end
  end
  return slot.ghost
end

local function ghost_of_entity(class, entity)
  local slot = take(class)
  local values = slot.values
  fill_identity(values, entity.id, entity)
  local fields = class.fields
  for i = 1, #fields do values[fields[i]] = entity[fields[i]] end
  return slot.ghost
end

-- Walks --------------------------------------------------------------------------------------------------------------

local walk_meta = locked "a walk"
local walks = { used = 0 }
local walk_of = setmetatable({}, { __mode = "k" })

local function new_walk()
  local used = walks.used + 1
  walks.used = used
  local token = walks[used]
  if not token or next(token) ~= nil then
    token = setmetatable({}, walk_meta)
    walk_of[token] = {}
    if used <= POOL_MAX then walks[used] = token end
  end
  return token, walk_of[token]
end

-- The row of `id` in columns that ascend by it, looked for from `row` on; and where to go on looking.
local function row_of(columns, id, row)
  local ids, n = columns.ids, columns.n
  while row <= n and ids[row] < id do row = row + 1 end
  if row <= n and ids[row] == id then return row, row end
  return nil, row
end

-- Squared distance of a row, between the ticks.
local function apart(class, columns, row, later, later_row, fraction, x, y)
  local at_x, at_y = columns[class.x_column][row], columns[class.y_column][row]
  if later_row then
    at_x = mixed(at_x, later[class.x_column][later_row], fraction)
    at_y = mixed(at_y, later[class.y_column][later_row], fraction)
  end
  local dx, dy = at_x - x, at_y - y
  return dx * dx + dy * dy
end

local function step(token)
  local walk = walk_of[token]
  if not (walk and walk.columns) then fail("room:seen: this is no walk of this tick") end
  local class, columns, later = walk.class, walk.columns, walk.later
  local ids, live, row, at = columns.ids, columns.entities, walk.row, walk.later_row
  while row < columns.n do
    row = row + 1
    local id = ids[row]
    if by_id[id] == live[row] then
      local later_row
      if later then later_row, at = row_of(later, id, at) end
      if not walk.far or apart(class, columns, row, later, later_row, walk.fraction, walk.x, walk.y) <= walk.far then
        walk.row, walk.later_row = row, at
        return ghost_of_row(class, columns, row, later, later_row, walk.fraction)
      end
    end
  end
  walk.row = row
  return nil
end

local function present_step(token)
  local walk = walk_of[token]
  if not (walk and walk.step) then fail("room:seen: this is no walk of this tick") end
  local entity = walk.step(walk.inner)
  return entity and ghost_of_entity(walk.class, entity)
end

local function walk_rows(class, older, later, fraction, x, y, distance)
  local token, walk = new_walk()
  walk.class, walk.columns, walk.later, walk.fraction = class, older[class], later and later[class], fraction
  walk.row, walk.later_row, walk.step, walk.inner = 0, 1, nil, nil
  walk.x, walk.y, walk.far = x, y, distance and distance * distance
  return step, token
end

local function walk_present(class, live_step, inner)
  local token, walk = new_walk()
  walk.class, walk.step, walk.inner, walk.columns = class, live_step, inner, nil
  return present_step, token
end

-- Views --------------------------------------------------------------------------------------------------------------

-- The two ticks around what the player saw, and where between them; nothing for the present.
local function moment(number)
  local seen = shown[number]
  if not seen or seen > newest then return nil end
  seen = max(seen, run.tick - PAST_MAX * run.rate, first)
  local whole = floor(seen)
  local older, later = ring[whole % size], nil
  if older.tick ~= whole then return nil end
  if seen > whole then
    later = ring[(whole + 1) % size]
    if later.tick ~= whole + 1 then later = nil end
  end
  return older, later, seen - whole
end

local numbers = setmetatable({}, { __mode = "k" }) -- view -> number of its player, 0 for the present

local function number_of(view, api)
  local number = numbers[view]
  if not number then fail("%s: write room:seen(player):%s(…)", api, api) end
  return number
end

local view_meta = locked "the past"
view_meta.__index = {
  each = function(view, name)
    local older, later, fraction = moment(number_of(view, "each"))
    local class = entities.class_named(name, "each")
    if older then return walk_rows(class, older, later, fraction) end
    return walk_present(class, entities.each(name))
  end,
  within = function(view, name, x, y, distance)
    local older, later, fraction = moment(number_of(view, "within"))
    local class = entities.class_named(name, "within")
    search.check_circle("within", class, x, y, distance)
    if older then return walk_rows(class, older, later, fraction, x, y, distance) end
    return walk_present(class, search.within(name, x, y, distance))
  end,
  -- The nearest, and its distance; of equals the older.
  nearest = function(view, name, x, y, distance)
    local older, later, fraction = moment(number_of(view, "nearest"))
    local class = entities.class_named(name, "nearest")
    distance = distance or huge
    search.check_circle("nearest", class, x, y, distance)
    if not older then
      local entity, far = search.nearest(name, x, y, distance)
      if entity then return ghost_of_entity(class, entity), far end
      return nil
    end
    local columns, best, best_later, least, at = older[class], nil, nil, distance * distance, 1
    later = later and later[class]
    for row = 1, columns.n do
      local id = columns.ids[row]
      if by_id[id] == columns.entities[row] then
        local later_row
        if later then later_row, at = row_of(later, id, at) end
        local far = apart(class, columns, row, later, later_row, fraction, x, y)
        if far < least or (far == least and not best) then best, best_later, least = row, later_row, far end
      end
    end
    if not best then return nil end
    return ghost_of_row(class, columns, best, later, best_later, fraction), sqrt(least)
  end,
}
setmetatable(view_meta.__index, { __index = function(_, key)
  fail("room:seen(player).%s does not exist; there are each, nearest, within", tostring(key))
end })

local function new_view(number)
  local view = setmetatable({}, view_meta)
  numbers[view] = number
  return view
end
local present = new_view(0)
local views = setmetatable({}, { __mode = "k" }) -- player -> view

-- Bots see the present: there is no way between a screen and them. So does who left, and who has lost the link.
function past.seen(_, player)
  if not recording then start() end
  if player == nil then return present end
  local number = entities.numbers[player]
  if not number then fail("room:seen takes a player or nil") end
  if run.left[player] or player.bot then return present end
  local view = views[player]
  if not view then
    view = new_view(number)
    views[player] = view
  end
  return view
end

-- A new tick: ghosts and walks of the last one are used again.
function past.begin()
  if not recording then return end
  walks.used = 0
  for _, class in ipairs(entities.ordered) do class.pool.used = 0 end
end

-- `tick`: what stood on the screen when the input was made; nil when nobody looks at one.
function past.show(number, tick)
  if recording then shown[number] = tick and tick > 0 and tick or nil end
end

run.room_values.seen = past.seen
return past
