-- timer.*: counts frame times, not the clock; dies with its script.

local Timers = {}
Timers.__index = Timers

local INVALID = 4294967295

local function new(app)
  return setmetatable({ app = app, list = {}, by_handle = {}, last = 0 }, Timers)
end

function Timers:delay(seconds, repeating, callback)
  if type(seconds) ~= "number" then error("bad argument #1 to 'delay' (number expected, got " .. type(seconds) .. ")", 3) end
  if seconds < 0 then error("timer.delay does not support negative delay times", 3) end
  if type(repeating) ~= "boolean" then error("bad argument #2 to 'delay' (boolean expected, got " .. type(repeating) .. ")", 3) end
  if type(callback) ~= "function" then error("bad argument #3 to 'delay' (function expected, got " .. type(callback) .. ")", 3) end
  self.last = self.last + 1
  local timer = {
    handle = self.last, delay = seconds, remaining = seconds, repeating = repeating, excess = 0, alive = true,
    callback = self.app:callback(callback),
  }
  table.insert(self.list, timer)
  self.by_handle[timer.handle] = timer
  return timer.handle
end

function Timers:cancel(handle)
  if type(handle) ~= "number" then error("bad argument #1 to 'cancel' (number expected, got " .. type(handle) .. ")", 3) end
  local timer = self.by_handle[handle]
  if not timer or not timer.alive then return false end
  timer.alive = false
  return true
end

function Timers:kill(instance)
  for _, timer in ipairs(self.list) do
    if timer.callback.instance == instance then timer.alive = false end
  end
end

local function fire(self, timer, dt)
  timer.remaining = timer.remaining - dt
  if timer.remaining > 0 then return end
  local elapsed = timer.delay - timer.remaining - timer.excess
  self.app:invoke(timer.callback, timer.handle, elapsed)
  if not timer.repeating then
    timer.alive = false
  elseif timer.delay == 0 then
    timer.remaining = 0
  else
    timer.remaining = timer.remaining + (math.floor(-timer.remaining / timer.delay) + 1) * timer.delay
    timer.excess = timer.delay - timer.remaining
  end
end

-- A timer made by a timer waits for the next frame.
function Timers:update(dt)
  for n = 1, #self.list do
    local timer = self.list[n]
    if timer.alive then fire(self, timer, dt) end
  end
  for n = #self.list, 1, -1 do
    if not self.list[n].alive then
      self.by_handle[self.list[n].handle] = nil
      table.remove(self.list, n)
    end
  end
end

function Timers:count() return #self.list end

function Timers:api()
  return {
    delay = function(...) return self:delay(...) end, cancel = function(handle) return self:cancel(handle) end,
    INVALID_TIMER_HANDLE = INVALID,
  }
end

return { new = new }
