-- The client's interpolation for states from anywhere, usable alone: states of one thing, each with its time, go in as
-- they arrive; what to draw comes out, a little later and evenly.

local playout = require "airboat.playout"

local buffer = {}

local WINDOW_MAX = 256

---@class airboat.BufferOptions
---@field rate number States a second, as they are made.
---@field extrapolate number|nil Seconds for which things go on as they went when the next state is late; 0.1.
---@field angles string[]|nil Fields that wrap, in radians.
---@field snap number|nil A number that changes by more from one state to the next is elsewhere: nothing is drawn between.

---@class airboat.Buffer
---@field playout table When to show what: its `delay` and how `late` states come, in states; its `counts`.
local Buffer = {}
Buffer.__index = Buffer

---@param options airboat.BufferOptions
---@return airboat.Buffer
function buffer.new(options)
  local self = setmetatable({
    playout = playout.new(options.rate, options.extrapolate), _rate = options.rate, _snap = options.snap or math.huge,
    _angles = {}, _states = {}, -- ascending by time
  }, Buffer)
  for _, name in ipairs(options.angles or {}) do self._angles[name] = true end
  return self
end

---A state made at `time` has arrived `now`; seconds, of two clocks. In any order.
---@param time number
---@param values table
---@param now number
---@return boolean taken False for one that is too old or there already.
function Buffer:push(time, values, now)
  local states, tick = self._states, time * self._rate
  local at = #states
  while at > 0 and states[at].tick > tick do at = at - 1 end
  if (at > 0 and states[at].tick == tick) or (at == 0 and #states > 1) then return false end
  if at == #states then self.playout:arrived(tick, now * 1000) end
  local copy = {}
  for name, value in pairs(values) do copy[name] = value end
  table.insert(states, at + 1, { tick = tick, values = copy })
  if #states > WINDOW_MAX then table.remove(states, 1) end
  return true
end

function Buffer:_between(name, a, b, share)
  if type(a) ~= "number" or type(b) ~= "number" then
    if (share >= 1 or a == nil) and b ~= nil then return b end
    return a
  end
  if self._angles[name] then
    local difference = (b - a) % (2 * math.pi)
    if difference > math.pi then difference = difference - 2 * math.pi end
    return a + difference * math.min(1, share)
  end
  if math.abs(b - a) > self._snap then return share < 1 and a or b end
  return a + (b - a) * share
end

---Fills `into` with what to draw `now`, and says how that came about.
---@param now number
---@param into table
---@return "interpolated"|"extrapolated"|"held"|"empty"
function Buffer:sample(now, into)
  local tick, states = self.playout:at(now * 1000), self._states
  local after = 1
  while states[after] and states[after].tick <= tick do after = after + 1 end
  -- Two behind the time shown stay: what goes on as it went needs to know how.
  while after > 3 and states[after] do
    table.remove(states, 1)
    after = after - 1
  end
  if after > #states and after > 2 then after = after - 1 end
  local a, b = states[after - 1] or states[after], states[after]
  if not a then return "empty" end
  local share = b and b ~= a and (tick - a.tick) / (b.tick - a.tick) or 0
  for name, value in pairs(a.values) do into[name] = self:_between(name, value, b and b.values[name], share) end
  for name, value in pairs(b and b.values or a.values) do
    if a.values[name] == nil then into[name] = value end
  end
  return self.playout.status
end

return buffer
