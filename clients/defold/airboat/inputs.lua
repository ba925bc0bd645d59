-- What the player holds down: sampled once a tick, numbered, sent with the last three again. Those with a press are kept
-- until the room has applied them or a later one, for a link that breaks takes with it what is on its way.

local frames = require "airboat.frames"
local schema = require "airboat.schema"

local inputs = {}

local REPEATED = 4
-- Presses that may wait for their tick: what one hammers at a game that does not answer is not all meant.
local PRESSES_MAX = 3
-- Inputs that are kept. With more presses on their way the oldest count modulo 4 only.
local KEPT_MAX = 32

local Inputs = {}
Inputs.__index = Inputs

function inputs.new(fields)
  local self = setmetatable({
    active = false, newest = 0, pressed = false, -- whether the newest has a press
    kept = {}, -- ascending: `{number, steps, presses}`, the last a list of fields
    _fields = fields, _held = {}, _waiting = {}, _recent = {},
  }, Inputs)
  self._index = {}
  for i, field in ipairs(fields) do
    self._held[i] = field.kind == "press" and 0 or schema.quantise(field, 0)
    self._waiting[i] = 0
    self._index[field.name] = i
  end
  return self
end

-- The join answer names the number to start with, and presses count from 0 again. `same`: it is the life of the room that
-- there was, and so those from that number on never came.
function Inputs:restart(first, same)
  for _, input in ipairs(self.kept) do
    for _, i in ipairs(same and input.number >= first and input.presses or {}) do
      self._waiting[i] = self._waiting[i] + 1
    end
  end
  self.newest, self.kept = first - 1, {}
  self._recent = {}
  for i, field in ipairs(self._fields) do
    if field.kind == "press" then self._held[i] = 0 end
  end
end

-- Goes on holding what another version of the module was told, as far as there are fields for it.
function Inputs:adopt(old)
  self.active = old.active
  for i, was in ipairs(old._fields) do
    local at = self._index[was.name]
    if at and self._fields[at].kind == was.kind then
      self._held[at] = schema.quantise(self._fields[at], schema.dequantise(was, old._held[i]))
    end
  end
end

function Inputs:_find(name, press)
  local i = self._index[name]
  if not i or (self._fields[i].kind == "press") ~= press then
    error(("airboat: the module has no %s %s"):format(press and "press" or "input", tostring(name)), 4)
  end
  self.active = true
  return i
end

function Inputs:set(values)
  for name, value in pairs(values) do
    local i = self:_find(name, false)
    self._held[i] = schema.quantise(self._fields[i], value)
  end
end

function Inputs:press(name)
  local i = self:_find(name, true)
  if self._waiting[i] < PRESSES_MAX then self._waiting[i] = self._waiting[i] + 1 end
end

-- The room has applied this one, and by the running counts all presses before it.
function Inputs:applied(number)
  while self.kept[1] and self.kept[1].number <= number do table.remove(self.kept, 1) end
end

function Inputs:_keep(steps, presses)
  local input = { number = self.newest, steps = {}, presses = presses }
  for i = 1, #self._fields do input.steps[i] = steps[i] end
  table.insert(self.kept, input)
  if #self.kept > KEPT_MAX then table.remove(self.kept, 1) end
end

-- This tick's input. Fills `values`, if given, with it in real units: presses as how many this tick has, 0 or 1.
function Inputs:sample(values)
  local held, recent = self._held, self._recent
  local input = #recent == REPEATED and table.remove(recent) or {}
  local presses
  for i, field in ipairs(self._fields) do
    local pressed = self._waiting[i] > 0
    if pressed then
      self._waiting[i] = self._waiting[i] - 1
      held[i] = (held[i] + 1) % 4
      presses = presses or {}
      presses[#presses + 1] = i
    end
    input[i] = held[i]
    if values then
      if field.kind == "press" then values[field.name] = pressed and 1 or 0
      else values[field.name] = schema.dequantise(field, held[i]) end
    end
  end
  table.insert(recent, 1, input)
  self.newest = self.newest + 1
  self.pressed = presses ~= nil
  if presses then self:_keep(input, presses) end
end

-- The newest, with the last three; or one of those that are kept.
function Inputs:frame(epoch, acked, view_tick, kept)
  local eighths = math.max(0, math.floor(view_tick * 8 + 0.5))
  local number, steps = self.newest, self._recent
  if kept then number, steps = kept.number, { kept.steps } end
  return frames.inputs(epoch, acked, eighths, number, steps, #self._fields)
end

return inputs
