-- The entities of a room: one state, changed by snapshots, and one table for each entity that stays the same for as long
-- as the entity lives. `entity.x` is the newest value, `entity.view.x` the one to draw now, between two snapshots.

local bytes = require "airboat.bytes"
local delta = require "airboat.delta"
local errors = require "airboat.errors"
local msgpack = require "airboat.msgpack"
local worlds = require "airboat.worlds"

local mirror = {}

local byte, floor, huge = string.byte, math.floor, math.huge
local widen = bytes.widen
local KEY, PARTIAL = 1, 2
local HEADER = 11
-- How many changes of an entity are remembered, and how many ticks. The view is rarely more than ten ticks behind.
local HISTORY = 16
local TICKS_MAX = 64
local PI, TAU = math.pi, 2 * math.pi

---@class airboat.Entity
---@field id integer
---@field class string
---@field owner string|nil The owning player's id.
---@field alive boolean False once it is gone.
---@field view table Its fields at the time being shown. The same table for ever, brought up to date every frame.
---@field [string] any Its fields: the newest values in real units.

---@class airboat.Report What a snapshot says to its one receiver.
---@field applied integer The last of your inputs that the room has applied.
---@field substitutions integer Ticks without a fresh input of yours; modulo 256.
---@field skips integer Inputs passed over; modulo 256.
---@field slack number Milliseconds the applied input came early; negative: a tick had to do without it.
---@field partial boolean The newest state lacks some of what the room has.

local Mirror = {}
Mirror.__index = Mirror

-- `crowd(event, entity)` is told of those that come ("spawn") and go ("despawn"), at view time. `me`: the player whose
-- client this is.
function mirror.new(schema, crowd)
  local self = setmetatable({ schema = schema, tick = 0, me = "", broken = false, _crowd = crowd, _epoch = 0 }, Mirror)
  self.report = { applied = 0, substitutions = 0, skips = 0, slack = 0, partial = false }
  self.world = delta.world(schema)
  self._decoder = delta.decoder(schema, self)
  self._worlds = worlds.new(schema)
  self._nodes = {} -- by id, while in the state or shown
  self._shown, self._by_name = {}, {}
  for i, class in ipairs(schema.classes) do
    self._shown[i] = {}
    self._by_name[class.name] = i
  end
  self._arriving, self._leaving = {}, {}
  self._moving, self._movers = {}, 0
  self._ticks, self._tick_count = {}, 0
  return self
end

-- Snapshots -----------------------------------------------------------------------------------------------------------

-- A join answer: starts anew from its key snapshot, which says nothing of inputs; the last applied is told apart.
-- Entities that are still there keep their tables.
function Mirror:restart(epoch, tick, frame, applied)
  self._epoch = epoch
  self._tick_count = 0
  self._worlds:clear()
  self:_decode(frame, tick)
  self.report.applied = applied
  self:advance(huge)
end

-- The tick of a snapshot that is newer than the state; nil for one to be dropped. `branches`: it may be made against any
-- state from the last one's baseline on, not the newest alone, as over datagrams. Raises a codec error.
function Mirror:apply(frame, branches)
  if #frame < HEADER then errors.codec("truncated") end
  local _, flags, epoch, low, high, age = byte(frame, 1, 6)
  local tick = widen(low + high * 256, self.tick)
  local key = flags % 2 == KEY
  if epoch ~= self._epoch % 256 or (tick <= self.tick and not (key and self.broken)) then return nil end
  if branches and not self.broken then
    self:_branch(frame, tick, not key and tick - age)
    return tick
  end
  self._worlds:clear()
  if not key and (self.broken or tick - age ~= self.tick) then errors.codec("baseline") end
  self:_decode(frame, tick)
  return tick
end

-- Changes the state in place.
function Mirror:_decode(frame, tick)
  local key = self:_is_key(frame)
  self.broken = true -- until it is whole again
  if key then
    self:_anew(frame, tick)
  else
    self._decoder:decode(frame, HEADER + 1, self.world, tick)
  end
  self.broken = false
  self:_arrived(frame, tick)
end

-- Makes another state, out of the one at `baseline` or, when that is false, out of nothing.
function Mirror:_branch(frame, tick, baseline)
  self:_is_key(frame)
  self.world = self._worlds:branch(self.world, baseline, tick, frame, HEADER + 1, self)
  self:_arrived(frame, tick)
end

function Mirror:_is_key(frame)
  if #frame < HEADER then errors.codec("truncated") end
  local kind, flags = byte(frame, 1, 2)
  if kind ~= 1 or flags > KEY + PARTIAL then errors.codec("marker") end
  return flags % 2 == KEY
end

-- The state stands at `tick` now.
function Mirror:_arrived(frame, tick)
  local flags, _, _, _, _, low, high, substitutions, skips, slack = byte(frame, 2, HEADER)
  self.tick = tick
  if self._tick_count == TICKS_MAX then
    for i = 1, TICKS_MAX / 2 do self._ticks[i] = self._ticks[i + TICKS_MAX / 2] end
    self._tick_count = TICKS_MAX / 2
  end
  self._tick_count = self._tick_count + 1
  self._ticks[self._tick_count] = tick
  local report = self.report
  report.applied = widen(low + high * 256, report.applied)
  report.substitutions, report.skips, report.partial = substitutions, skips, flags >= PARTIAL
  report.slack = (slack < 128 and slack or slack - 256) / 2
end

-- From the empty world: whoever is there again keeps its table.
function Mirror:_anew(frame, tick)
  self._old = {}
  for id, node in pairs(self._nodes) do
    if not node.leaves then self._old[id] = node end
  end
  for _, rows in ipairs(self.world.classes) do
    for row = #rows.nodes, 1, -1 do rows.nodes[row] = nil end
    rows.count, rows.soonest = 0, huge
  end
  self._decoder:decode(frame, HEADER + 1, self.world, tick)
  local old = self._old
  self._old = nil
  for _, node in pairs(old) do self:gone(node.class, node, tick) end
end

-- What the decoder tells -----------------------------------------------------------------------------------------------

-- Players' ids as texts, made once.
local ids = {}

local function id_of(number)
  local id = ids[number] or tostring(number)
  if number < 65536 then ids[number] = id end
  return id
end

-- One column in real units.
local function set(target, column, steps)
  local kind = column.kind
  if kind == "number" then target[column.name] = steps * column.step
  elseif kind == "owner" then target.owner = steps ~= 0 and id_of(steps) or nil
  elseif kind == "flag" then target[column.name] = steps == 1
  else target[column.name] = column.names[steps + 1] or "" end
end

-- Remembers the row as it is from `tick` on.
local function remember(node, rows, row, tick)
  local history, width = node.history, node.width
  local at = node.newest % HISTORY + 1
  local base = (at - 1) * (width + 1) + 1
  node.newest = at
  if node.count < HISTORY then node.count = node.count + 1 end
  history[base] = tick
  local columns = rows.columns
  for c = 1, width do history[base + c] = columns[c][row] end
end

function Mirror:_move(node)
  if node.moving then return end
  node.moving = true
  self._movers = self._movers + 1
  self._moving[self._movers] = node
end

function Mirror:changed(class, rows, row, plan, tick)
  local node = rows.nodes[row]
  local entity, columns = node.entity, class.columns
  for k = 1, #plan do
    local c = plan[k]
    local column, steps = columns[c], rows.columns[c][row]
    if column.kind == "number" then entity[column.name] = steps * column.step else set(entity, column, steps) end
  end
  remember(node, rows, row, tick)
  self:_move(node)
end

function Mirror:added(class, rows, row, tick)
  local id = rows.ids[row]
  local node = self._old and self._old[id]
  if node and node.class == class then
    self._old[id] = nil
    node.newest, node.count, node.settled = 0, 0, nil
  else
    local entity = setmetatable({ id = id, class = class.name, alive = true, view = {} }, msgpack.Entity)
    node = { entity = entity, view = entity.view, class = class, width = class.width, history = {}, newest = 0, count = 0,
      moving = false }
    self._nodes[id] = node
    local since = class.linear and rows.columns[class.since][row] or tick
    node.at = since < tick and since or tick
    table.insert(self._arriving, node)
  end
  for c = 1, class.width do set(node.entity, class.columns[c], rows.columns[c][row]) end
  remember(node, rows, row, tick)
  self:_move(node)
  return node
end

function Mirror:gone(_, node, tick)
  node.leaves = tick
  table.insert(self._leaving, node)
end

-- The view ----------------------------------------------------------------------------------------------------------------

-- What moves by itself and is one's own is shown at the tick that one's inputs are for: others are seen as they were.
function Mirror:_is_ahead(node) return node.class.linear and node.entity.owner == self.me end

function Mirror:_enter(node)
  local entity = node.entity
  self._shown[node.class.index][entity.id] = entity
  self:_show(node)
  self._crowd("spawn", entity)
end

function Mirror:_leave(node)
  local entity, shown = node.entity, self._shown[node.class.index]
  if not entity.alive then return end -- one's own shot may be over before the room has said so
  entity.alive = false
  if shown[entity.id] == entity then shown[entity.id] = nil end
  self._crowd("despawn", entity)
end

-- Lets act those of a list whose time, kept in `field`, has come, in order.
function Mirror:_drain(list, field, act)
  local due
  local left = 0
  for i = 1, #list do
    local node = list[i]
    list[i] = nil
    if node[field] <= (self:_is_ahead(node) and self._own_tick or self._view_tick) then
      due = due or {}
      due[#due + 1] = node
    else
      left = left + 1
      list[left] = node
    end
  end
  for i = 1, due and #due or 0 do act(self, due[i]) end
end

function Mirror:_forget(node)
  self:_leave(node)
  local id = node.entity.id
  if self._nodes[id] == node then self._nodes[id] = nil end
end

-- Shows the world at `view_tick`, and what is one's own and flies at `own_tick`: lets entities come and go as the time
-- passes theirs, and brings the views up to date.
function Mirror:advance(view_tick, own_tick)
  self:_place(view_tick)
  self._view_tick, self._own_tick = view_tick, own_tick or view_tick
  if self._arriving[1] then self:_drain(self._arriving, "at", self._enter) end
  if self._leaving[1] then self:_drain(self._leaving, "leaves", self._forget) end
  local moving, at = self._moving, 1
  while at <= self._movers do
    local node = moving[at]
    if self:_show(node) and node.entity.alive then
      at = at + 1
    else
      node.moving = false
      moving[at] = moving[self._movers]
      moving[self._movers] = nil
      self._movers = self._movers - 1
    end
  end
end

-- Between which two snapshots the view is, and where. Behind the newest there is nothing to move towards: for a while
-- things go on as they went.
function Mirror:_place(view_tick)
  local ticks, count = self._ticks, self._tick_count
  local at = count
  while at > 0 and ticks[at] > view_tick do at = at - 1 end
  if at == count and count > 1 then at = count - 1 end
  local before, after = ticks[at] or ticks[1], ticks[at + 1] or ticks[at]
  self._before, self._after = before, after
  local share = after > before and (view_tick - before) / (after - before) or 0
  self._share = share < huge and share or 1
end

-- Where in the history the row stands that was true at `tick`, or the oldest kept, counting back from `from`.
local function find(node, tick, from)
  local history, stride = node.history, node.width + 1
  local base
  for back = from, node.count - 1 do
    base = ((node.newest - 1 - back) % HISTORY) * stride + 1
    if history[base] <= tick then return base, back end
  end
  return base, node.count - 1
end

local function angle_between(a, b, share, step)
  local difference = (b - a) * step % TAU
  if difference > PI then difference = difference - TAU end
  return a * step + difference * share
end

-- One column of what moves between snapshots: `a` and `b` in steps.
local function between(column, place, a, b, share)
  if share >= 1 then
    -- Places go on as they went; what else changes is not known before it does.
    if not place then return b * column.step end
    local steps = b + (b - a) * (share - 1)
    return (steps > column.high and column.high or steps < column.low and column.low or steps) * column.step
  end
  if column.angle then return angle_between(a, b, share, column.step) end
  return (a + (b - a) * share) * column.step
end

-- What is not drawn between two snapshots: only when another row of the history is shown than before.
local function settle(node, base, columns, list)
  local history, view = node.history, node.view
  if node.settled == history[base] then return end
  node.settled = history[base]
  for k = 1, #list do
    local c = list[k]
    set(view, columns[c], history[base + c])
  end
end

-- Fills the view; false when it will not change again by itself.
function Mirror:_show(node)
  local class = node.class
  if class.linear then return self:_fly(node) end
  local view, history, columns, share, smooth = node.view, node.history, class.columns, self._share, class.smooth
  local after, back = find(node, self._after, 0)
  local before = find(node, self._before, back)
  settle(node, share >= 1 and after or before, columns, class.rest)
  for k = 1, #smooth do
    local c = smooth[k]
    local column = columns[c]
    local a, b = history[before + c], history[after + c]
    if a == b then view[column.name] = a * column.step
    else view[column.name] = between(column, c == columns.x or c == columns.y, a, b, share) end
  end
  return history[(node.newest - 1) * (node.width + 1) + 1] > self._before
end

-- What flies along a line.
function Mirror:_fly(node)
  local entity, view, history, class = node.entity, node.view, node.history, node.class
  local columns = class.columns
  local ahead = self:_is_ahead(node)
  local tick = ahead and self._own_tick or self._view_tick
  if tick == huge then tick = self.tick end
  local base = find(node, ahead and huge or self._share >= 1 and self._after or self._before, 0)
  if node.settled ~= history[base] then
    settle(node, base, columns, class.smooth)
    node.settled = nil
    settle(node, base, columns, class.rest)
  end
  local seconds = math.max(0, tick - view.since) / self.schema.tick_rate
  local x, y = columns[columns.x], columns[columns.y]
  view.x = history[base + columns.x] * x.step + view.vx * seconds
  view.y = history[base + columns.y] * y.step + view.vy * seconds
  if ahead and entity.alive and entity.ends > 0 and entity.ends <= tick and self._own_tick < huge
    and self._shown[class.index][entity.id] then
    self:_leave(node)
  end
  return true
end

-- Asking ------------------------------------------------------------------------------------------------------------------

-- The entities of a class being shown, by id; nil when there is no such class.
function Mirror:entities(name)
  local index = self._by_name[name]
  return index and self._shown[index]
end

-- By id, whatever its class: as soon as it is known, not only when it is shown.
function Mirror:entity(id)
  local node = self._nodes[id]
  return node and node.entity
end

-- One's own of a class in the newest state.
function Mirror:own(name)
  local rows = self.world.classes[self._by_name[name]]
  for row = 1, rows and rows.count or 0 do
    local entity = rows.nodes[row].entity
    if entity.owner == self.me then return entity end
  end
  return nil
end

-- All of them go: another version of the module has other entities.
function Mirror:clear()
  self:advance(huge)
  for _, rows in ipairs(self.world.classes) do
    for row = 1, rows.count do self:_forget(rows.nodes[row]) end
    rows.count = 0
  end
end

return mirror
