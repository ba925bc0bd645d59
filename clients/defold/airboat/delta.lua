-- The body of a snapshot: what differs from the state before it, column by column. The layout is in docs/protocol.md §5.
--
-- The state is changed in place, and whoever looks on is told which rows changed: on ordered links one state is enough, and
-- worlds.lua keeps more for the others. Nothing is allocated for rows that did not change, nor for those that did.

local errors = require "airboat.errors"
local schema = require "airboat.schema"

local delta = {}

local byte = string.byte
local TURN = schema.TURN
local ENTITIES_MAX = 16384
local PLANS_MAX = 512

-- The bits of a byte that are set, counted from 1.
local BITS = {}
for n = 0, 255 do
  local set, rest = {}, n
  for bit = 1, 8 do
    if rest % 2 == 1 then
      set[#set + 1] = bit
      rest = rest - 1
    end
    rest = rest / 2
  end
  BITS[n] = set
end

-- The rows of a column that changed everywhere: 1, 2, 3, …
local EVERY = {}

-- The world --------------------------------------------------------------------------------------------------------

-- The entities of each class: `columns[c][row]` belongs to `ids[row]` and to the caller's own `nodes[row]`; ids ascend,
-- `count` rows are in use.
function delta.world(of)
  local world = { tick = 0, classes = {} }
  for i, class in ipairs(of.classes) do
    local columns = {}
    for c = 1, class.width do columns[c] = {} end
    -- `soonest`: no linear entity ends before.
    world.classes[i] = { count = 0, ids = {}, nodes = {}, columns = columns, soonest = math.huge }
  end
  return world
end

-- Makes `world` what `from` is, without its nodes; without `from` empty.
function delta.copy(world, from)
  for i = 1, #world.classes do
    local rows, base = world.classes[i], from and from.classes[i]
    local count = base and base.count or 0
    rows.count, rows.soonest = count, base and base.soonest or math.huge
    if count > 0 then
      local ids, other_ids = rows.ids, base.ids
      for row = 1, count do ids[row] = other_ids[row] end
      for c = 1, #rows.columns do
        local column, other = rows.columns[c], base.columns[c]
        for row = 1, count do column[row] = other[row] end
      end
    end
  end
end

local function close_gap(list, gone, from, count)
  local at, next_gone = from, 1
  for row = from, count do
    if row == gone[next_gone] then next_gone = next_gone + 1
    else
      list[at] = list[row]
      at = at + 1
    end
  end
end

-- Drops `gone`: `n` ascending row numbers.
local function remove(rows, gone, n)
  local from, count = gone[1], rows.count
  close_gap(rows.ids, gone, from, count)
  close_gap(rows.nodes, gone, from, count)
  for c = 1, #rows.columns do close_gap(rows.columns[c], gone, from, count) end
  rows.count = count - n
  for row = rows.count + 1, count do rows.nodes[row] = nil end
end

-- Puts other rows among these; an id on both sides is an error.
local function merge(rows, added)
  local total = rows.count + added.count
  if total > ENTITIES_MAX then errors.codec("count") end
  local ids, nodes = rows.ids, rows.nodes
  local mine, theirs = rows.count, added.count
  for to = total, 1, -1 do
    if theirs == 0 then break end
    local a, b = mine > 0 and ids[mine] or -1, added.ids[theirs]
    if a == b then errors.codec("range") end
    local from, row
    if a > b then from, row, mine = rows, mine, mine - 1 else from, row, theirs = added, theirs, theirs - 1 end
    ids[to] = from.ids[row]
    nodes[to] = from.nodes[row]
    for c = 1, #rows.columns do rows.columns[c][to] = from.columns[c][row] end
  end
  rows.count = total
end

-- Reading ----------------------------------------------------------------------------------------------------------

-- What follows the first byte of a varint that has more than one.
local function long(t, at, first)
  local n, unit = first - 128, 128
  for _ = 1, 3 do
    local b = t[at]
    at = at + 1
    if b < 128 then return n + b * unit, at end
    n = n + (b - 128) * unit
    unit = unit * 128
  end
  local b = t[at]
  if b >= 16 then errors.codec("range") end
  return n + b * unit, at + 1
end

local function varint(t, at)
  local b = t[at]
  if b < 128 then return b, at + 1 end
  return long(t, at + 1, b)
end

local function signed(t, at)
  local n
  n, at = varint(t, at)
  if n % 2 == 0 then return n / 2, at end
  return -(n + 1) / 2, at
end

-- Into 32 bits, two's complement.
local function wrap(n)
  n = n % 4294967296
  return n >= 2147483648 and n - 4294967296 or n
end

local function within(value, column)
  if value > column.high or value < column.low then
    value = wrap(value)
    if value > column.high or value < column.low then errors.codec("range") end
  end
  return value
end

-- The decoder --------------------------------------------------------------------------------------------------------

local function nothing() end
local NOBODY = { gone = nothing, changed = nothing, added = nothing }

local Decoder = {}
Decoder.__index = Decoder

-- `sink`, if there is one, is told what happens: `sink:gone(class, node, tick)`, `sink:changed(class, rows, row, columns, tick)` and, with
-- all in its place, `sink:added(class, rows, row, tick)`, which returns the node to keep for the row.
function delta.decoder(of, sink)
  local self = setmetatable({ _schema = of, _sink = sink or NOBODY, _bytes = {}, _gone = {}, _added = {}, _plans = {} }, Decoder)
  self._touched, self._stamps, self._serial, self._rows, self._plan_count = {}, {}, 0, {}, 0
  for i, class in ipairs(of.classes) do
    local columns = {}
    for c = 1, class.width do columns[c] = {} end
    self._added[i] = { count = 0, ids = {}, nodes = {}, columns = columns }
    self._plans[i] = {}
  end
  return self
end

-- All bytes in a list that is kept, eight a call: reading from it costs less than asking the string. What follows them
-- makes any varint that runs over the end one that is too long.
function Decoder:_load(s)
  local t, length = self._bytes, #s
  for i = 1, length, 8 do
    t[i], t[i + 1], t[i + 2], t[i + 3], t[i + 4], t[i + 5], t[i + 6], t[i + 7] = byte(s, i, i + 7)
  end
  for i = length + 1, length + 8 do t[i] = 128 end
  return t, length
end

-- Turns `world` into the state at `tick`: `s` from `at` on. Raises a codec error; the world is left half done then.
function Decoder:decode(s, at, world, tick)
  local t, length = self:_load(s)
  local classes = self._schema.classes
  for i = 1, #classes do
    if classes[i].linear then self:_expire(classes[i], world.classes[i], tick) end
  end
  local lowest = 1
  while at <= length do
    local head = t[at]
    local flags = head % 8
    local index = (head - flags) / 8 + 1
    local class = classes[index]
    if not class or index < lowest then errors.codec("range") end
    lowest = index + 1
    at = self:_block(t, at + 1, length, flags, class, world.classes[index], tick)
    if at > length + 1 then errors.codec("truncated") end
  end
  world.tick = tick
end

-- Drops the linear entities whose life is over: both sides do this by themselves.
function Decoder:_expire(class, rows, tick)
  if tick < rows.soonest then return end
  local ends, gone, n, soonest = rows.columns[class.ends], self._gone, 0, math.huge
  for row = 1, rows.count do
    local last = ends[row]
    if last < 0 then last = last + 4294967296 end
    if last ~= 0 and tick >= last then
      n = n + 1
      gone[n] = row
      self._sink:gone(class, rows.nodes[row], last)
    elseif last ~= 0 and last < soonest then
      soonest = last
    end
  end
  gone[n + 1] = nil
  rows.soonest = soonest
  if n > 0 then remove(rows, gone, n) end
end

function Decoder:_block(t, at, length, flags, class, rows, tick)
  local highest = rows.count > 0 and rows.ids[rows.count] or 0
  local has_changed = flags >= 4
  local has_new = flags % 4 >= 2
  if flags % 2 == 1 then at = self:_removed(t, at, class, rows, tick) end
  local added = self._added[class.index]
  if has_new then at = self:_fresh(t, at, length, class, added, highest, tick) end
  if has_changed then at = self:_changed(t, at, length, class, rows, tick) end
  if has_new then self:_enter(class, rows, added, tick) end
  return at
end

function Decoder:_removed(t, at, class, rows, tick)
  local count, gap
  count, at = varint(t, at)
  if count > rows.count then errors.codec("count") end
  local gone, row = self._gone, 0
  for i = 1, count do
    gap, at = varint(t, at)
    row = row + gap + 1
    if row > rows.count then errors.codec("range") end
    gone[i] = row
  end
  gone[count + 1] = nil
  for i = 1, count do self._sink:gone(class, rows.nodes[gone[i]], tick) end
  if count > 0 then remove(rows, gone, count) end
  return at
end

-- One column of new rows. `since` and an `ends` that comes travel relative to the tick.
local function fill(t, at, values, column, count, since, ends)
  for row = 1, count do
    local value
    value, at = signed(t, at)
    if since then value = wrap(value + since) elseif ends and value ~= 0 then value = wrap(value + ends) end
    values[row] = within(value, column)
  end
  return at
end

function Decoder:_fresh(t, at, length, class, added, highest, tick)
  local count, id, gap
  count, at = varint(t, at)
  if count == 0 or count > ENTITIES_MAX or count > length - at + 1 then errors.codec("count") end
  added.count = count
  gap, at = signed(t, at)
  id = (highest + gap) % 4294967296
  added.ids[1] = id
  for row = 2, count do
    gap, at = varint(t, at)
    id = id + gap + 1
    if id > 4294967295 then errors.codec("range") end
    added.ids[row] = id
  end
  -- No `for`: LuaJIT as of 2022 ran one here once too often, now and then, after errors had been raised.
  local c = 1
  while c <= class.width do
    at = fill(t, at, added.columns[c], class.columns[c], count, c == class.since and tick, c == class.ends and tick)
    c = c + 1
  end
  return at
end

-- New rows come in last, when the changes of the others are done.
function Decoder:_enter(class, rows, added, tick)
  if class.linear then
    local ends = added.columns[class.ends]
    for row = 1, added.count do
      local last = ends[row]
      if last < 0 then last = last + 4294967296 end
      if last ~= 0 and last < rows.soonest then rows.soonest = last end
    end
  end
  for row = 1, added.count do added.nodes[row] = self._sink:added(class, added, row, tick) end
  merge(rows, added)
  for row = 1, added.count do added.nodes[row] = nil end
end

-- Which columns a mask names, lowest first, and whether each changed in every row. Masks are few and come again.
function Decoder:_plan(class, mask, full)
  local by_mask = self._plans[class.index]
  local plans = by_mask[mask]
  local plan = plans and plans[full]
  if plan then return plan end
  plan = { full = {} }
  local m, f = mask, full
  for c = 1, class.width do
    local in_mask, in_full = m % 2, f % 2
    if in_full > in_mask then errors.codec("range") end
    if in_mask == 1 then
      plan[#plan + 1] = c
      plan.full[#plan] = in_full == 1
    end
    m, f = (m - in_mask) / 2, (f - in_full) / 2
  end
  if m ~= 0 or f ~= 0 then errors.codec("range") end
  self._plan_count = self._plan_count + 1
  if self._plan_count > PLANS_MAX then
    self._plan_count = 1
    for i = 1, #self._plans do self._plans[i] = {} end
    by_mask, plans = self._plans[class.index], nil
  end
  if not plans then
    plans = {}
    by_mask[mask] = plans
  end
  plans[full] = plan
  return plan
end

-- The rows a bitmap names.
function Decoder:_bitmap(t, at, length, count)
  local which, n = self._rows, 0
  local size = math.ceil(count / 8)
  if at + size - 1 > length then errors.codec("truncated") end
  for i = 0, size - 1 do
    local bits = BITS[t[at + i]]
    for k = 1, #bits do
      local row = i * 8 + bits[k]
      if row <= count then
        n = n + 1
        which[n] = row
      end
    end
  end
  return which, n, at + size
end

function Decoder:_changed(t, at, length, class, rows, tick)
  local mask, full
  mask, at = varint(t, at)
  full, at = varint(t, at)
  local plan = self:_plan(class, mask, full)
  local touched, stamps, serial, n = self._touched, self._stamps, self._serial + 1, 0
  self._serial = serial
  local count = rows.count
  for row = #EVERY + 1, count do EVERY[row] = row end
  for k = 1, #plan do
    local values, column = rows.columns[plan[k]], class.columns[plan[k]]
    local angle, low, high = column.angle, column.low, column.high
    local which, last = EVERY, count
    if not plan.full[k] then which, last, at = self:_bitmap(t, at, length, count) end
    for i = 1, last do
      local row, difference = which[i], t[at]
      at = at + 1
      if difference >= 128 then difference, at = long(t, at, difference) end
      if difference ~= 0 then
        local value
        if difference % 2 == 0 then value = values[row] + difference / 2
        else value = values[row] - (difference + 1) / 2 end
        if angle then value = value % TURN
        elseif value > high or value < low then value = within(value, column) end
        values[row] = value
        if stamps[row] ~= serial then
          stamps[row] = serial
          n = n + 1
          touched[n] = row
        end
      end
    end
  end
  if at > length + 1 then errors.codec("truncated") end
  if class.linear then self:_correct(class, rows, touched, n) end
  local sink = self._sink
  for i = 1, n do sink:changed(class, rows, touched[i], plan, tick) end
  return at
end

-- An end that was moved forward.
function Decoder:_correct(class, rows, touched, n)
  local ends = rows.columns[class.ends]
  for i = 1, n do
    local last = ends[touched[i]]
    if last < 0 then last = last + 4294967296 end
    if last ~= 0 and last < rows.soonest then rows.soonest = last end
  end
end

return delta
