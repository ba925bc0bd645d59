-- The pace of inputs in a game, which can send in its frames only: up to one frame after an input is due. How long after is
-- known here, so the law of pacer.lua is told of the moments at which inputs were due, and leads by a frame.

local pacer = require "airboat.pacer"

local beat = {}

local REMEMBERED = 128
-- How fast the length of a frame is believed to have grown, and to have shrunk.
local GROWS, SHRINKS = 0.25, 0.02

local Beat = {}
Beat.__index = Beat

-- `due`: when the next input is due, nil before the first; `last`: when the newest was: the moment it stands for.
function beat.new(period)
  return setmetatable({
    due = nil, last = 0, _pacer = pacer.new(period), _period = period, _lates = {}, _frame = 0, _seen = nil,
  }, Beat)
end

-- A join answer: what was learned of another life says nothing, but the beat goes on.
function Beat:restart()
  self._pacer, self._lates = pacer.new(self._period), {}
end

function Beat:start(now) self.due = self.due or now end

-- Every frame; whether an input is due.
function Beat:frame(now)
  local length = self._seen and math.min(now - self._seen, self._period) or 0
  self._seen = now
  self._frame = self._frame + (length - self._frame) * (length > self._frame and GROWS or SHRINKS)
  return self.due ~= nil and now >= self.due
end

-- The input of this number was sent.
function Beat:sent(number, now)
  local late = now - self.due
  self.last = self.due
  local stalled = late > self._period
  self._lates[number % REMEMBERED] = not stalled and late or nil
  -- Up to a period it is known and taken off; the law need not call it a stall.
  self.due = self.due + self._pacer:next(number, stalled and late or math.min(late, self._period / 2))
end

-- It was sent again: how early it comes then says nothing.
function Beat:forget(number) self._lates[number % REMEMBERED] = nil end

-- It could not be sent.
function Beat:pause(now) self.due = self.due + self._pacer:pause(now - self.due) end

-- A snapshot names an input as newly applied and says how early it came.
function Beat:note(number, early)
  local late = self._lates[number % REMEMBERED]
  if not late then return end
  self._pacer.lead = self._frame
  self._pacer:note(number, early + late)
end

return beat
