-- What is to be done later, on a clock that the owner moves: every update runs what is due. So nothing here depends on
-- timers of an engine, which die with the script that made them.

local timers = {}

local Timers = {}
Timers.__index = Timers

-- Times are milliseconds of `now`'s clock.
function timers.new(now) return setmetatable({ _now = now, _waiting = {}, _count = 0 }, Timers) end

-- Returns what `cancel` takes.
function Timers:after(ms, fn)
  local timer = { at = self._now() + ms, fn = fn }
  self._count = self._count + 1
  self._waiting[self._count] = timer
  return timer
end

function Timers:cancel(timer)
  if timer then timer.fn = nil end
end

-- The time for which everything stood still does not count.
function Timers:shift(ms)
  for i = 1, self._count do self._waiting[i].at = self._waiting[i].at + ms end
end

-- Runs what is due, each with everything else in order; what is added meanwhile waits for the next time.
function Timers:run()
  local now, waiting, count = self._now(), self._waiting, self._count
  local due
  local left = 0
  for i = 1, count do
    local timer = waiting[i]
    waiting[i] = nil
    if timer.fn and timer.at <= now then
      due = due or {}
      due[#due + 1] = timer
    elseif timer.fn then
      left = left + 1
      waiting[left] = timer
    end
  end
  self._count = left
  if not due then return end
  table.sort(due, function(a, b) return a.at < b.at end)
  for _, timer in ipairs(due) do
    local fn = timer.fn -- one before it may have cancelled it
    timer.fn = nil
    if fn then fn() end
  end
end

return timers
