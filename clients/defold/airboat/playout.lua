-- When to show what: the view time, which runs a little behind the newest snapshot so that there is always a next one to
-- move towards. All times are milliseconds of one clock.

local playout = {}

local floor, max, min, huge = math.floor, math.max, math.min, math.huge
-- Snapshots by which the path is judged.
local WINDOW = 64
-- Ticks of delay. Less than one, and there would be no next snapshot to move towards.
local DELAY_MIN, DELAY_MAX = 1.05, 6
-- A time that is shown runs at most this much faster or slower than the room's.
local SLEW = 0.1
-- Ticks off by which it jumps: a pause of the game or the network, not jitter.
local JUMP = 15
-- Seconds for which things are shown to go on as they went, when the next snapshot is late; then they hold.
local EXTRAPOLATE = 0.1

-- A time that runs evenly towards one that does not, and never backwards. Ticks.
local Steady = {}
Steady.__index = Steady

function playout.steady() return setmetatable({ _shown = 0, _at = nil }, Steady) end

function Steady:reset() self._at = nil end

-- What to show where `wanted` would be right, at the local time `ticks`; not later than `most`.
function Steady:at(wanted, ticks, most)
  local step = self._at and ticks - self._at or 0
  local wrong = wanted - self._shown - step
  if not self._at or wrong > JUMP then self._shown = wanted
  else
    -- Far ahead of a room that has paused, it stands still until the room has come up.
    local slowest = wrong < -JUMP and step or SLEW * step
    self._shown = self._shown + max(0, step + max(-slowest, min(SLEW * step, wrong)))
  end
  self._at = ticks
  self._shown = min(self._shown, most or huge)
  return self._shown
end

local Playout = {}
Playout.__index = Playout

-- `delay`: ticks between the newest snapshot that could have arrived and what is shown; `late`: 95th percentile of how
-- late snapshots come, in ticks; `status`: what the time last asked for was ("interpolated", "extrapolated" or "held");
-- `counts`: how often it was which, a time that is asked for twice counting once.
function playout.new(tick_rate, extrapolate)
  local self = setmetatable({
    delay = DELAY_MIN, late = 0, status = "held", counts = { interpolated = 0, extrapolated = 0, held = 0 },
    _extrapolate = extrapolate or EXTRAPOLATE, _rate = tick_rate, _behind = {}, _gaps = {}, _sorted = {},
    _steady = playout.steady(), _shown = 0, _base = 0,
  }, Playout)
  self:reset()
  return self
end

-- A new epoch: other ticks.
function Playout:reset()
  self._count, self._newest, self._now = 0, 0, -huge
  self._steady:reset()
end

function Playout:_ticks(now) return now * self._rate / 1000 end

local function sorted(self, values, size)
  local list = self._sorted
  for i = 1, size do list[i] = values[i] end
  for i = size + 1, #list do list[i] = nil end
  table.sort(list)
  return list
end

-- A snapshot of `tick` has arrived, newer than all before.
function Playout:arrived(tick, now)
  local slot = self._count % WINDOW + 1
  self._behind[slot] = self:_ticks(now) - tick
  self._gaps[slot] = self._count == 0 and 1 or max(1, tick - self._newest)
  self._newest = tick
  self._count = self._count + 1
  local size = min(self._count, WINDOW)
  local list = sorted(self, self._behind, size)
  self._base = list[1]
  self.late = list[floor((size - 1) * 0.95) + 1] - self._base
  -- Over a link that brings every third tick, the next snapshot is three ticks away; over one that loses some, two.
  local gap = sorted(self, self._gaps, size)[floor((size - 1) * 0.9) + 1]
  self.delay = min(DELAY_MAX, max(DELAY_MIN, gap + self.late))
end

-- The share of ticks of which no snapshot came.
function Playout:loss()
  local size, sum = min(self._count, WINDOW), 0
  for i = 1, size do sum = sum + self._gaps[i] end
  return size == 0 and 0 or 1 - size / sum
end

-- The tick to show, with its fraction. Never goes backwards within an epoch.
function Playout:at(now)
  if now <= self._now then return self._shown end
  self._now = now
  if self._count > 0 then
    local ticks = self:_ticks(now)
    local last = self._newest + self._extrapolate * self._rate
    local shown = self._steady:at(ticks - self._base - self.delay, ticks, last)
    self._shown = shown
    self.status = shown <= self._newest and "interpolated" or shown < last and "extrapolated" or "held"
    self.counts[self.status] = self.counts[self.status] + 1
  end
  return self._shown
end

return playout
