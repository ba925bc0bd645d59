-- The states that a snapshot may be made against where snapshots may be lost: which of them arrived the server learns late,
-- so it goes by the newest that was acknowledged. They are copied, decoded into and compared, one with the next.

local delta = require "airboat.delta"
local errors = require "airboat.errors"

local worlds = {}

-- A snapshot names its baseline by an age of one byte.
local WORLDS_MAX = 255

local Worlds = {}
Worlds.__index = Worlds

function worlds.new(schema)
  return setmetatable({
    _schema = schema, _decoder = nil, _past = {}, _count = 0, -- ascending by tick, without the newest
    _pool = {}, _plan = {},
  }, Worlds)
end

-- Drops the `n` oldest.
function Worlds:_drop(n)
  if n == 0 then return end
  local past, pool, count = self._past, self._pool, self._count
  for i = 1, n do pool[#pool + 1] = past[i] end
  for i = 1, count do past[i] = past[i + n] end
  self._count = count - n
end

-- They serve no more: another life of the room, or a link on which the newest is enough.
function Worlds:clear() self:_drop(self._count) end

-- The state at `tick` out of the one at `baseline` (false: none) and a snapshot's blocks, from `at` on. What differs from
-- `newest`, whose place it takes, is told to `sink` as delta.lua tells it. Raises a codec error, with nothing changed.
function Worlds:branch(newest, baseline, tick, frame, at, sink)
  local past, from, older = self._past, nil, 0
  if baseline == newest.tick then
    from, older = newest, self._count
  elseif baseline then
    for i = 1, self._count do
      if past[i].tick == baseline then from, older = past[i], i - 1 end
    end
  end
  if baseline and not from then errors.codec("baseline") end
  self._decoder = self._decoder or delta.decoder(self._schema)
  local pool = self._pool
  local world = pool[#pool] or delta.world(self._schema)
  delta.copy(world, from)
  self._decoder:decode(frame, at, world, tick)
  if pool[#pool] == world then pool[#pool] = nil end
  self:_compare(newest, world, tick, sink)
  -- After a key snapshot, too: an acknowledgement of an older state may still be on its way.
  if from then self:_drop(older) elseif self._count >= WORLDS_MAX - 1 then self:_drop(1) end
  self._count = self._count + 1
  past[self._count] = newest
  return world
end

function Worlds:_compare(newest, world, tick, sink)
  for i, class in ipairs(self._schema.classes) do
    self:_rows(class, newest.classes[i], world.classes[i], tick, sink)
  end
end

-- When it went: what flies ends at its own tick.
local function gone_at(class, rows, row, tick)
  local last = class.linear and rows.columns[class.ends][row] or 0
  if last < 0 then last = last + 4294967296 end
  return last ~= 0 and last <= tick and last or tick
end

-- Moves the nodes of `old` over to `new` and tells what differs.
function Worlds:_rows(class, old, new, tick, sink)
  local ids, nodes, old_ids, old_nodes, old_count = new.ids, new.nodes, old.ids, old.nodes, old.count
  local row = 1
  for at = 1, new.count do
    local id = ids[at]
    while row <= old_count and old_ids[row] < id do
      sink:gone(class, old_nodes[row], gone_at(class, old, row, tick))
      row = row + 1
    end
    if row <= old_count and old_ids[row] == id then
      nodes[at] = old_nodes[row]
      self:_row(class, old, row, new, at, tick, sink)
      row = row + 1
    else
      nodes[at] = sink:added(class, new, at, tick)
    end
  end
  for left = row, old_count do sink:gone(class, old_nodes[left], gone_at(class, old, left, tick)) end
  for at = 1, old_count do old_nodes[at] = nil end
end

function Worlds:_row(class, old, row, new, at, tick, sink)
  local plan, n, columns, old_columns = self._plan, 0, new.columns, old.columns
  for c = 1, class.width do
    if columns[c][at] ~= old_columns[c][row] then
      n = n + 1
      plan[n] = c
    end
  end
  if n == 0 then return end
  for k = #plan, n + 1, -1 do plan[k] = nil end
  sink:changed(class, new, at, plan, tick)
end

return worlds
