-- What a session does with the frames of the server.

local errors = require "airboat.errors"
local events = require "airboat.events"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"

local reader = { PING_MS = 2000 }

local failure = errors.failure
local BUSY_PAUSE_MS = 1000
local RECEIVED_EVERY = 32

local Reader = {}

-- Gives a session these methods.
function reader.extend(session)
  for name, method in pairs(Reader) do session[name] = method end
end

local function traceback(message)
  if type(message) == "table" then return message end
  return { bug = debug.traceback(tostring(message), 2) }
end

local self_, frame_
local function dispatch() return self_:_dispatch(frame_) end

function Reader:_take(frame)
  self._heard = self._init.now()
  self._unanswered = nil
  self_, frame_ = self, frame
  local ok, problem = xpcall(dispatch, traceback)
  if ok then return end
  -- A lost datagram may take a baseline with it, but the next snapshot has one.
  if problem.codec == "baseline" and self.link and self.link.datagrams then return end
  -- Beyond repair on this link: begin anew from a whole snapshot.
  self._init.report("airboat: the link begins anew: " .. tostring(problem.bug or problem.codec))
  self._afresh = true
  if self._attempt == 0 then self._attempt = 1 end
  self:_ended(0)
end

function Reader:_dispatch(frame)
  local first = frame:byte(1)
  if first == frames.SNAPSHOT then
    if self._seated then self._on.snapshot(frame) end
  elseif first == frames.PONG then
    local token, tick, age_us = frames.read_pong(frame)
    local sent = self._pings[token]
    self._pings[token] = nil
    if sent then
      self._ping_count = self._ping_count - 1
      self._on.pong(sent, tick, age_us)
    end
  else
    local array = frames.read_array(frame)
    local take = array and self._kinds[array[1]]
    if take then take(self, array) end
  end
end

-- Frames with a number come once and in order.
local function numbered(take)
  return function(self, array)
    local number, tick = frames.u32(array[2]), frames.u32(array[3])
    if not self._seated or number <= self._received then return end
    if number ~= self._received + 1 then errors.codec("shape") end
    -- Counted before it is told: a listener may cause a resume.
    self._received = number
    if number - self._confirmed >= RECEIVED_EVERY then self:_confirm() end
    take(self, array, tick)
  end
end

Reader._kinds = {
  [frames.WELCOME] = function(self, array) self:_welcome(frames.map(array[2])) end,
  [frames.JOINED] = function(self, array) self:_joined(frames.read_joined(array[2])) end,
  [frames.RESUMED] = function(self, array) self:_resumed(frames.u32(array[2]), frames.u32(array[3])) end,
  [frames.SAVED] = function(self, array)
    self:_saved(frames.u32(array[2]), frames.u32(array[3]), frames.u32(array[4]))
  end,
  [frames.BYE] = function(self, array) self:_ended(frames.u32(array[2]), tostring(array[3] or "")) end,
  [frames.REFUSED] = function(self, array) self:_refused(frames.u32(array[2]), tostring(array[3] or "")) end,
  [frames.GONE] = function(self) self:_gone(failure(errors.LEFT)) end,
  [frames.EVENT] = numbered(function(self, array, tick)
    self._on.message(frames.text(array[4]), array[5], tick)
  end),
  [frames.REPLY] = numbered(function(self, array)
    self._outbox:replied(frames.u32(array[4]), array[5] == true, array[6])
  end),
  [frames.DOCUMENT] = numbered(function(self, array)
    self._on.document(frames.text(array[4]), frames.list(array[5]))
  end),
  [frames.HASH] = numbered(function(self, array, tick)
    self._on.hash(tick, frames.u32(array[4]), frames.u32(array[5]))
  end),
}

function Reader:_welcome(map)
  local identity = self._init.identity
  if msgpack.is_list(map.device) then
    identity:set_device { frames.text(map.device[1]), frames.text(map.device[2]) }
  end
  identity.token = frames.text(map.resume)
  self._ping_ms = math.min(reader.PING_MS, frames.u32(map.ping_ms))
  self._init.ladder:worked(self.link.transport)
  self._phase = "welcome"
  self:ping()
end

function Reader:_joined(answer)
  local wish = self._wish == self._asked and self._wish or nil
  local place = answer.module .. "/" .. answer.room
  local back = self._seated and place == self._place
  if self._seated and not back then self:_gone(failure(errors.LEFT)) end
  -- Whatever the server knows of ours stands in the state; the rest gets new numbers.
  self._outbox:restart(answer.applied)
  self._received, self._confirmed = 0, 0
  self.epoch = answer.epoch
  self._seated = true
  self._place = place
  if wish then
    local request = {}
    for key, value in pairs(wish.request) do request[key] = value end
    request.room = answer.room
    self._request, wish.request = request, request
  end
  self._on.joined(answer)
  if self.link then self.link:send(frames.ack(self.epoch, answer.tick), true) end
  local asked = wish and wish.finish
  if back and not asked then self._on.resumed("joined", answer.messages_lost) end
  -- A listener may have left, or closed.
  if self._seated and self.link then self:_opened() end
  if asked then asked() end
end

function Reader:_resumed(epoch, received)
  if epoch ~= self.epoch then errors.codec("shape") end
  self._outbox:resume(received)
  self._on.resumed("replayed", 0)
  if self._seated and self.link then self:_opened() end
end

function Reader:_opened()
  self._timers:cancel(self._answer_timer)
  self._phase = "open"
  self._afresh = false
  self._open_since = self._init.now()
  self._attempt = math.min(self._attempt, 2)
  self._on.status("online")
  if self._wish and self._wish ~= self._asked then self:_ask() else self:_pump() end
end

function Reader:_refused(reason, text)
  -- A mistake of the program, which is told where those go; the message is dropped and the seat kept.
  if reason == errors.UNKNOWN_MESSAGE then return events.report("airboat: " .. text) end
  local err = failure(reason, text)
  self._timers:cancel(self._answer_timer)
  local wish = self._asked
  if wish and wish == self._wish and not wish.finish and err.retry and self._seated then
    -- It wanted us back and is busy: soon again.
    self._answer_timer = self._timers:after(BUSY_PAUSE_MS, function() self:_ask() end)
    return
  end
  local finish = wish and wish.finish
  if self._wish == wish then self._wish = nil end
  -- Refused before it was put out of the old room: there it stays.
  if not self._seated or not finish then
    self:_gone(err)
  elseif not self._wish then
    self._wish = { request = self._request }
    self._asked = self._wish
  end
  if self.link then self:_opened() end
  if finish then finish(err) end
end

-- Out of the room, for whatever reason.
function Reader:_gone(err)
  local was = self._seated
  self._seated = false
  self.epoch = 0
  self._received, self._confirmed = 0, 0
  self._outbox:clear()
  if self._wish and not self._wish.finish then self._wish = nil end
  if was then self._on.left(err) end
  local leaving = self._leaving
  self._leaving = nil
  if leaving then leaving() end
end

function Reader:_saved(epoch, received, saved)
  if epoch ~= self.epoch then return end
  self._outbox:saved(received, saved)
  self:_pump()
end

return reader
