-- When to send the next input, so that it reaches the room just before its tick: docs/protocol.md, "Pacing". All times are
-- milliseconds. The same law as the load test's, held to tests/golden/pacing.json.

local pacer = {}

local abs, ceil, floor, max, min = math.abs, math.ceil, math.floor, math.max, math.min
-- What is aimed for even where nothing scatters, and the least aim of all.
local BASE, AIM_MIN = 0.5, 1
-- Times the mean difference of successive reports.
local SCATTERS = 2.5
-- Share by which one report moves the means.
local SHARE = 1 / 16
-- What an input that came too late adds to the aim, and the share of it that each report takes away again.
local MARGIN_STEP, MARGIN_DECAY = 3, 1 / 512
-- Shares of the period by which it may be changed: usually, and when more than a quarter of it is wrong.
local SLEW, SLEW_FAST = 0.01, 0.05
-- Inputs whose report may still come.
local REMEMBERED = 128

local Pacer = {}
Pacer.__index = Pacer

-- `lead`: how much earlier than the law says its user wants inputs to come; may be changed at any time.
function pacer.new(period)
  return setmetatable({
    lead = 0,
    _period = period,
    _numbers = {}, _shifts = {}, -- by number modulo REMEMBERED: the number, and the shift it was sent with
    _shift = 0, -- all changes of the period so far
    _mean = nil, _last = 0, -- how early inputs come, less what the shift does to it: the mean, and the last one reported
    _scatter = 0, _margin = 0,
  }, Pacer)
end

-- How early inputs should come.
function Pacer:aim()
  return min(max(BASE + SCATTERS * self._scatter + self._margin, AIM_MIN), max(self._period / 2, AIM_MIN))
end

-- The whole periods in a time, to the nearest.
function Pacer:_periods(ms) return self._period * floor(ms / self._period + 0.5) end

-- A snapshot names an input as newly applied and says how early it came; negative: a tick had to do without it.
function Pacer:note(number, early)
  local slot = number % REMEMBERED
  if self._numbers[slot] ~= number then return end
  -- As if nothing had been shifted, so that reports before and after a change can be compared.
  local plain = early + self._shifts[slot]
  -- The ticks it missed used up no numbers: what follows comes whole periods earlier for its own.
  if early < 0 then plain = plain + self._period * ceil(-early / self._period) end
  if not self._mean then
    self._mean, self._last = plain, plain
    return
  end
  local step = plain - self._last
  self._scatter = self._scatter + (abs(step - self:_periods(step)) - self._scatter) * SHARE
  self._last = plain
  self._margin = self._margin - self._margin * MARGIN_DECAY
  -- Later than half a period is a stall or a lost packet; no aim would have caught it.
  if early < 0 and early > -self._period / 2 then self._margin = self._margin + MARGIN_STEP end
  -- A whole period more or less means that an input waits behind another, or no longer.
  local mean = self._mean + self:_periods(plain - self._mean)
  local off = plain - mean
  -- Being late costs a period, being early a few milliseconds: what would have been late is believed at once.
  self._mean = off < -self:aim() - self.lead and plain or mean + off * SHARE
end

-- Whole periods are left out, so that a stall shifts nothing.
function Pacer:_wait(wait, late)
  if wait > late then return wait end
  return wait + (floor((late - wait) / self._period) + 1) * self._period
end

-- An input was sent, `late` after it was due: how long after its due time is the next one due?
function Pacer:next(number, late)
  local slot = number % REMEMBERED
  -- What we held up ourselves says nothing about the way.
  self._numbers[slot] = late <= self._period / 2 and number or nil
  self._shifts[slot] = self._shift
  local change = self:_change()
  self._shift = self._shift + change
  return self:_wait(self._period + change, late)
end

-- Nothing was sent.
function Pacer:pause(late) return self:_wait(self._period, late) end

function Pacer:_change()
  if not self._mean then return 0 end
  local wrong = self._mean - self._shift - self:aim() - self.lead
  -- One input waits behind another: its turn is left out.
  if wrong > self._period / 2 then return wrong end
  local most = (abs(wrong) > self._period / 4 and SLEW_FAST or SLEW) * self._period
  return min(max(wrong, -most), most)
end

return pacer
