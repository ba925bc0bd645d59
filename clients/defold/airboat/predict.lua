-- Prediction and reconciliation: one's own thing moves at once, by the very step that the room will run on the same
-- input, and what the room says of it is held against what was predicted. No clock, no network and no room in here;
-- airboat/own.lua binds it to one. Times are seconds.

local predict = {}

local abs, exp, huge, max, min, sqrt = math.abs, math.exp, math.huge, math.max, math.min, math.sqrt
-- Where the room's word is off by more than this many quanta, it was right and we were not.
local TOLERANCE = 1 + 1e-9
-- Ticks that are drawn beyond the newest input at most, should the next one be late.
local LEAD = 1.5
local TAU = 2 * math.pi

---@class airboat.PredictOptions
---@field step fun(state: table, input: table, dt: number) One tick, in place: the same arithmetic that the room does. Also called with parts of a tick, to draw.
---@field dt number Seconds of a tick.
---@field quantum table<string, number>|nil What the room rounds its fields to; others are compared exactly.
---@field angles string[]|nil Fields that wrap, in radians.
---@field fresh table|nil Fields that the room keeps to itself, as they are in the beginning.
---@field presses string[]|nil Inputs that are edges: where a tick repeats what was held, it does not repeat these.
---@field smooth number|nil Seconds in which a correction loses two thirds of what one sees of it; 0.1.
---@field snap number|nil Corrections larger than this in any field are not smoothed.
---@field limit integer|nil Inputs that may wait for the room; beyond, nothing is predicted. One second of them.

---@class airboat.Prediction
---@field state table|nil The state after the newest input; nil while there is nothing to predict.
---@field error number Of what the room last said: quanta between it and what was predicted.
---@field corrections integer How often the room was right and we were not.
---@field snaps integer How often that was too far to be smoothed.
---@field repeats integer Ticks that repeated what was held.
---@field skipped integer Inputs passed over.
---@field refused integer Inputs that were not predicted because too many waited.
local Prediction = {}
Prediction.__index = Prediction

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function copy(from, into)
  into = into or {}
  for key, value in pairs(from) do into[key] = value end
  return into
end

---A prediction of whatever `step` moves.
---@param options airboat.PredictOptions
---@return airboat.Prediction
function predict.new(options)
  local self = setmetatable({
    state = nil, error = 0, corrections = 0, snaps = 0, repeats = 0, skipped = 0, refused = 0,
    _step = options.step, _dt = options.dt, _quantum = options.quantum or {}, _angles = set_of(options.angles),
    _fresh = options.fresh or {}, _presses = options.presses or {}, _smooth = options.smooth or 0.1,
    _snap = options.snap or huge, _limit = options.limit or math.ceil(1 / options.dt),
    _base = {}, -- the room's newest word, in our own doubles where they agree with it
    _applied = 0, -- and the input that was applied last
    _held = {}, _counts = nil,
    _waiting = {}, -- inputs that are not in `_base` yet
    _newest = 0,
    _at = 0, _hold = nil, -- when the newest input was due, and what is held since then; nil before the first
    _offset = {}, _seen = -huge, -- what is drawn beside the state, and until when that has been made smaller
    _view = {}, _before = {}, _after = {}, _smoothed = {},
  }, Prediction)
  for field in pairs(self._quantum) do
    if not self._angles[field] then table.insert(self._smoothed, field) end
  end
  table.sort(self._smoothed)
  self:_no_offset()
  return self
end

function Prediction:_no_offset()
  for _, field in ipairs(self._smoothed) do self._offset[field] = 0 end
end

---Inputs that the room has not applied yet, as far as we know.
---@return integer
function Prediction:waiting() return #self._waiting end

---How far what is drawn is beside what is predicted, in units.
---@return number
function Prediction:offset()
  local sum = 0
  for _, field in ipairs(self._smoothed) do sum = sum + self._offset[field] ^ 2 end
  return sqrt(sum)
end

---Begins anew: the last input applied has this number, and nothing waits.
---@param applied integer
function Prediction:restart(applied)
  self._applied, self._newest = applied, applied
  self._waiting = {}
  self._counts = nil
  self:forget()
end

---There is nothing to predict, or something else: inputs go on waiting for it.
function Prediction:forget()
  self.state = nil
  self:_no_offset()
end

-- Inputs without their presses.
function Prediction:_still(input)
  local held = copy(input)
  for _, press in ipairs(self._presses) do
    if held[press] ~= nil then held[press] = 0 end
  end
  return held
end

---One tick's input, in real units; `now`: when it was due. Returns its number, to be sent with it.
---@param input table
---@param now number
---@param number integer|nil
---@return integer number
function Prediction:input(input, now, number)
  number = number or self._newest + 1
  self._newest = number
  local drawn, at = self:_begin(now)
  self._at = now
  self._hold = self:_still(input)
  -- Nobody knows what becomes of what so long ago was told nobody: stand still until the room is heard again.
  if #self._waiting >= self._limit then
    self.refused = self.refused + 1
  else
    table.insert(self._waiting, { number = number, input = copy(input) })
    if self.state then self._step(self.state, input, self._dt) end
  end
  self:_finish(drawn, at)
  return number
end

---What is held from now on, seen before the next tick takes it. Fields not named stay.
---@param input table
---@param now number
function Prediction:hold(input, now)
  if not self._hold then return end -- the first input says it all
  local drawn, at = self:_begin(now)
  copy(self:_still(input), self._hold)
  self:_finish(drawn, at)
end

---What a snapshot says: the number of the last input `applied`, and what is predicted as it stands there, or nil when it
---is not there. `counts`: `{substitutions, skips}`, running modulo 256.
---@param applied integer
---@param truth table|nil
---@param now number
---@param counts {substitutions: integer, skips: integer}|nil
function Prediction:ack(applied, truth, now, counts)
  if applied < self._applied then return end
  local drawn, at = self:_begin(now)
  self:_hear(applied, truth, counts)
  self:_finish(drawn, at)
end

function Prediction:_hear(applied, truth, counts)
  local known = self:_advance(applied, counts)
  if not truth then return self:forget() end
  if not self.state then
    self._base = copy(truth, copy(self._fresh))
    self.error = 0
  else
    local wrong = self:_compare(truth)
    if not wrong and known then return end
    if wrong then
      self.corrections = self.corrections + 1
      copy(truth, self._base)
    end
  end
  local state = copy(self._base)
  for _, waiting in ipairs(self._waiting) do self._step(state, waiting.input, self._dt) end
  self.state = state
end

---What to draw `now`, or nil. The same table each time.
---@param now number
---@return table|nil
function Prediction:view(now)
  if not self.state then return nil end
  self:_decay(now)
  self:_ahead(max(now, self._seen), self._view)
  for _, field in ipairs(self._smoothed) do self._view[field] = self._view[field] + self._offset[field] end
  return self._view
end

-- Brings `_base` to the room's last tick by our own arithmetic. Whether it went as the inputs were predicted.
function Prediction:_advance(applied, counts)
  local old, repeats, skips = self._counts, 0, 0
  if counts and old then
    repeats = (counts.substitutions - old.substitutions) % 256
    skips = (counts.skips - old.skips) % 256
  end
  if counts then self._counts = { substitutions = counts.substitutions, skips = counts.skips } end
  self.repeats, self.skipped = self.repeats + repeats, self.skipped + skips
  -- The ticks in which nothing waited came first: then what was missing arrived.
  if self.state then
    for _ = 1, min(repeats, self._limit) do self._step(self._base, self._held, self._dt) end
  end
  local waiting, passed, carried = self._waiting, 0, {}
  while waiting[1] and waiting[1].number <= applied do
    local number, input = waiting[1].number, waiting[1].input
    table.remove(waiting, 1)
    for _, press in ipairs(self._presses) do carried[press] = (carried[press] or 0) + (input[press] or 0) end
    if passed < skips and number < applied then
      passed = passed + 1
    else
      self._held = self:_still(input)
      if self.state then self._step(self._base, copy(carried, copy(input)), self._dt) end
      carried = {}
    end
  end
  self._applied = applied
  if self._newest < applied then self._newest = applied end
  return repeats == 0 and skips == 0
end

-- Whether the room's word is another than ours.
function Prediction:_compare(truth)
  local exact = true
  self.error = 0
  for field, theirs in pairs(truth) do
    local ours, quantum = self._base[field], self._quantum[field]
    if ours ~= theirs then
      if not quantum or type(ours) ~= "number" then exact = false
      else
        local off = abs(ours - theirs)
        if self._angles[field] then off = min(off % TAU, TAU - off % TAU) end
        if off ~= off then exact = false else self.error = max(self.error, off / quantum) end
      end
    end
  end
  return not exact or self.error > TOLERANCE
end

-- Whatever happens to the state between these two, what is drawn goes on from where it was, and comes over to it by and
-- by.
function Prediction:_begin(now)
  self:_decay(now)
  local at = max(now, self._seen)
  if not self.state then return false, at end
  self:_ahead(at, self._before)
  return true, at
end

function Prediction:_finish(drawn, at)
  if not drawn or not self.state then return end
  self:_ahead(at, self._after)
  local far = 0
  for _, field in ipairs(self._smoothed) do
    self._offset[field] = self._offset[field] + self._before[field] - self._after[field]
    far = max(far, abs(self._offset[field]))
  end
  if far <= self._snap then return end
  self.snaps = self.snaps + 1
  self:_no_offset()
end

function Prediction:_decay(now)
  if now <= self._seen then return end
  local left = exp((self._seen - now) / self._smooth)
  for _, field in ipairs(self._smoothed) do self._offset[field] = self._offset[field] * left end
  self._seen = now
end

-- The state at `now`: whole ticks, and the part of one that has passed since with what is held.
function Prediction:_ahead(now, into)
  copy(self.state, into)
  local passed = min(max(now - self._at, 0), LEAD * self._dt)
  if passed > 0 and self._hold then self._step(into, self._hold, passed) end
end

return predict
