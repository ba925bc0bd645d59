-- The room's clock as far as pings can tell it: round trip, and which tick it is over there. Usable alone.

local clock = {}

local KEPT = 10
-- Milliseconds off by which the estimate jumps instead of creeping.
local JUMP = 250

---@class airboat.Clock
---@field rtt number The smoothed round trip in milliseconds; 0 before the first answer.
local Clock = {}
Clock.__index = Clock

---All its times are milliseconds.
---@return airboat.Clock
function clock.new() return setmetatable({ rtt = 0, _samples = {}, _last = -math.huge }, Clock) end

---Another room or another life of it: its ticks are others. The round trip stays.
function Clock:reset()
  self._offset = nil -- the room's time minus ours, in milliseconds
  self._samples = {}
  self._last = -math.huge
end

---The join answer names a tick: better than nothing until pings are answered.
---@param tick integer
---@param tick_rate number Ticks a second.
---@param now number
function Clock:hint(tick, tick_rate, now)
  if not self._offset then self._offset = tick * 1000 / tick_rate - now end
end

---A ping that left at `sent` is answered `now`: the room's newest tick, and how many microseconds old it is.
---@param sent number
---@param now number
---@param tick integer
---@param age_us number
---@param tick_rate number
function Clock:answered(sent, now, tick, age_us, tick_rate)
  local rtt = math.max(0, now - sent)
  self.rtt = self.rtt == 0 and rtt or self.rtt + (rtt - self.rtt) / 8
  local samples = self._samples
  samples[#samples + 1] = { rtt = rtt, offset = tick * 1000 / tick_rate + age_us / 1000 + rtt / 2 - now }
  if #samples > KEPT then table.remove(samples, 1) end
  -- The quickest round trip had the least to wait for, so its halves are the most alike.
  local best = samples[1]
  for _, sample in ipairs(samples) do
    if sample.rtt < best.rtt then best = sample end
  end
  local offset = self._offset or best.offset
  local wrong = best.offset - offset
  self._offset = (#samples == 1 or math.abs(wrong) > JUMP) and best.offset or offset + wrong * 0.2
end

---Milliseconds of the room's own time. Does not go backwards but for a jump.
---@param now number
---@return number
function Clock:at(now)
  local time = now + (self._offset or 0)
  if time < self._last and self._last - time < JUMP then return self._last end
  self._last = time
  return time
end

return clock
