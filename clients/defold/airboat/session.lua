-- The connection-independent half of a client: greets over whatever link there is, numbers what must arrive, keeps it
-- until the server has it, and comes back after a loss without losing or doubling anything.

local errors = require "airboat.errors"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"
local outbox = require "airboat.outbox"
local reader = require "airboat.reader"

local session = {}

local failure = errors.failure
local ANSWER_MS = 8000
local JOIN_MS = 15000
local SILENCE_MS = 1000
local DEAD_MS = 5000
local BACKOFF_MS, BACKOFF_MAX_MS = 250, 8000
-- A link that lasted this long was a good one: the next loss starts from the shortest pause.
local GOOD_MS = 5000
local QUICK_PINGS = 5
local PINGS_MAX = 16

local Session = {}
Session.__index = Session
reader.extend(Session)

-- `init`: name, client, debug_hash, now(), random(), timers, ladder, identity, report(text).
-- `on`, what the session tells its owner: status(status, err), joined(answer), resumed(how, messages_lost), left(err),
-- message(name, data, tick), document(name, operations), hash(tick, world, documents), snapshot(frame),
-- pong(sent, tick, age_us); and asks of it: tick(), the newest snapshot held.
function session.new(init, on)
  local self = setmetatable({
    epoch = 0, link = nil, _init = init, _on = on, _timers = init.timers,
    -- From hello to the room's answer nothing numbered may be sent: idle, dialing, greeting, welcome, open.
    _phase = "idle",
    _wish = nil, -- the room we are in or want to be in; asked for again whenever the session had to begin anew
    _asked = nil, -- the wish that the answer to come is about
    _seated = false, -- in a room as far as we know, and in which:
    _place = "",
    _received = 0, _confirmed = 0, _attempt = 0, _open_since = 0, _dials = 0,
    _heard = 0, _pinged = 0, _pings = {}, _ping_count = 0, _quick = 0, _token = 0, _ping_ms = reader.PING_MS,
    _unanswered = nil, -- when the first ping left since we last heard anything
    _presented = false, _afresh = false, _closed = false,
  }, Session)
  self._outbox = outbox.new(init.timers, function(frame)
    if self.link then self.link:send(frame) end
  end)
  return self
end

-- Whether messages and inputs may be sent now.
function Session:is_open() return self._phase == "open" and self._seated end

-- Joining and leaving ---------------------------------------------------------------------------------------------------

-- One at a time: the caller waits for `finish(err)` before the next.
function Session:join(request, finish)
  local wish = { request = request }
  local timer = self._timers:after(JOIN_MS, function()
    if wish.finish and self._wish == wish then
      local greeted = self.link and self._phase ~= "greeting"
      self:_give_up(failure(greeted and errors.TIMEOUT or errors.UNREACHABLE))
    end
  end)
  wish.finish = function(err)
    self._timers:cancel(timer)
    wish.finish = nil
    finish(err)
  end
  self._closed = false
  self._wish = wish
  -- While another answer is due it would be taken for ours.
  if self._phase == "open" then self:_ask()
  elseif self._phase == "idle" then self:_dial() end
end

-- Nobody waits for the room any more.
function Session:_give_up(err)
  local wish = self._wish
  self._wish = nil
  if not self.link or self._phase == "greeting" then self:_end(err) end
  if wish and wish.finish then wish.finish(err) end
end

function Session:_ask()
  if not self._wish or not self.link then return end
  self._phase = "welcome"
  self._asked = self._wish
  self.link:send(frames.join(self._wish.request))
  self:_await_answer()
end

-- Ends when the server says that we have left, or cannot say so any more.
function Session:leave(finish)
  self._wish = nil
  if not self:is_open() or not self.link then
    self:_gone(failure(errors.LEFT))
    if self._phase ~= "open" then self:_end(failure(errors.LEFT)) end
    return finish()
  end
  self.link:send(frames.leave())
  local timer = self._timers:after(ANSWER_MS, function() self:_gone(failure(errors.LEFT)) end)
  self._leaving = function()
    self._timers:cancel(timer)
    finish()
  end
end

-- For good: the seat is given up.
function Session:close()
  self._closed = true
  if self.link then self.link:last(frames.bye(errors.LEFT)) end
  local wish = self._wish
  self._wish = nil
  if wish and wish.finish then wish.finish(failure(errors.CLOSED)) end
  self:_gone(failure(errors.CLOSED))
  self:_end()
end

-- The game is back in front, or the network: no reason to wait any longer.
function Session:wake()
  if self._closed then return end
  if self.link then
    -- What was asked before a long sleep proves nothing now.
    self._unanswered = nil
    self._quick = QUICK_PINGS
    self:ping()
  elseif self._wish and (self._phase == "idle" or self._retry) then
    self._attempt = 0
    self:_dial()
  end
end

function Session:_end(err)
  self:_cut()
  if self._seated then self:_gone(err or failure(errors.LOST)) end
  self._timers:cancel(self._retry)
  self._retry = nil
  self._dials = self._dials + 1 -- whatever is on its way comes too late
  if self._abandon then self._abandon() end
  self._phase = "idle"
  self._attempt = 0
  self._on.status("offline", err)
end

-- The link ---------------------------------------------------------------------------------------------------------------

function Session:_dial()
  self._timers:cancel(self._retry)
  self._retry = nil
  self._phase = "dialing"
  self._dials = self._dials + 1
  local dial = self._dials
  self._on.status(self._seated and "reconnecting" or "connecting")
  self._abandon = self._init.ladder:climb(function(link)
    self._abandon = nil
    if dial ~= self._dials or self._phase ~= "dialing" or not self._wish then
      if link then link:close() end
    elseif link then
      self:_greet(link)
    else
      self:_again(0, errors.UNREACHABLE)
    end
  end)
end

-- Another link for the session that stands: nothing is lost over it.
function Session:switch(link)
  if self._phase ~= "open" or not self._seated then return link:close() end
  self:_cut()
  self:_greet(link)
end

function Session:_greet(link)
  self.link = link
  self._phase = "greeting"
  self._heard = self._init.now()
  self._pinged, self._unanswered, self._pings, self._ping_count = 0, nil, {}, 0
  self._quick = QUICK_PINGS
  link.onframe = function(frame)
    if self.link == link then self:_take(frame) end
  end
  link.onclosed = function()
    if self.link == link then self:_ended(0) end
  end
  link.onpoll = function()
    return self:is_open() and not self._afresh and frames.ack(self.epoch, self._on.tick()) or nil
  end
  link:send(self:_hello())
  self:_await_answer()
end

function Session:_hello()
  local identity, wish = self._init.identity, self._wish
  local device, token = identity:device(), identity.token
  self._presented = device ~= nil and token ~= nil
  self._asked = wish
  -- Only a resume without a join is answered by a replay; a game without a past has nothing to replay.
  local replay = self._presented and self._seated and not (wish and wish.finish)
  local resume
  if self._presented then
    resume = {
      token = token,
      epoch = self._seated and self.epoch or 0,
      tick = self._seated and not self._afresh and self._on.tick() or 0,
      received = self._seated and self._received or 0,
    }
  end
  return frames.hello {
    protocol = frames.PROTOCOL, client = self._init.client, name = self._init.name, device = device, resume = resume,
    join = not replay and wish and wish.request or nil, debug_hash = self._init.debug_hash or nil,
  }
end

-- A server that says nothing where an answer is due: the room may have gone without our knowing.
function Session:_await_answer()
  self._timers:cancel(self._answer_timer)
  self._answer_timer = self._timers:after(ANSWER_MS, function()
    if self._phase == "greeting" then self:_ended(0)
    elseif self._phase == "welcome" then self:_ask() end
  end)
end

function Session:_cut()
  local link = self.link
  self.link = nil
  self._timers:cancel(self._answer_timer)
  if link then link:close() end
end

-- The link is over, for a reason of the protocol or (0) without a word. Reasons below 50 mean come back.
function Session:_ended(reason, text)
  if self._phase == "greeting" and reason == 0 and self.link then self._init.ladder:failed(self.link.transport) end
  local lasted = self._phase == "open" and self._init.now() - self._open_since or 0
  self:_cut()
  if lasted > GOOD_MS then self._attempt = 0 end
  local identity = self._init.identity
  if (reason == errors.RESUME_REFUSED or reason == errors.EXPIRED) and self._presented then
    -- The seat is gone or somebody's else; the room may still have one for this device.
    identity.token = nil
    reason, self._attempt = 0, 0
  elseif reason == errors.BAD_DEVICE and identity:device() then
    identity:set_device(nil)
    reason, self._attempt = 0, 0
  elseif not errors.comes_back(reason) then
    local err = failure(reason, text)
    local wish = self._wish
    self._wish = nil
    identity.token = nil
    self:_gone(err)
    self:_end(err)
    if wish and wish.finish then wish.finish(err) end
    return
  end
  self:_again(reason)
end

-- Tries again after a pause: 0.25 s, doubling up to 8 s, with jitter; the first time at once. `code`: what to tell the
-- owner where the server gave no reason.
function Session:_again(reason, code)
  code = code or (reason ~= 0 and reason or nil)
  local err = code and failure(code)
  if not self._wish then return self:_end(err) end
  self._phase = "idle"
  -- Who was told to come back later does not come back at once, and not together with everybody else.
  if reason > 0 and self._attempt == 0 then self._attempt = 1 end
  local pause = 0
  if self._attempt > 0 then
    local longest = math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ^ (self._attempt - 1))
    pause = longest * (0.5 + self._init.random() / 2)
  end
  self._attempt = self._attempt + 1
  self._on.status(self._seated and "reconnecting" or "connecting", err)
  self._retry = self._timers:after(pause, function() self:_dial() end)
end

-- Messages ---------------------------------------------------------------------------------------------------------------

-- False when there is no room, or too much waits already. Raises on what cannot be encoded.
function Session:send(name, data)
  if not self._seated or not self._outbox:push(name, data) then return false end
  self:_pump()
  return true
end

-- `finish(data, err)`.
function Session:call(name, data, timeout_ms, finish)
  if not self._seated then return finish(nil, failure(errors.CLOSED)) end
  self._outbox:call(name, data, timeout_ms, finish)
  self:_pump()
end

function Session:_pump()
  if self:is_open() and self.link then self._outbox:pump(self.epoch) end
end

-- What has to be said now and then ---------------------------------------------------------------------------------------

function Session:_confirm()
  self._confirmed = self._received
  if self.link then self.link:send(frames.received(self.epoch, self._received)) end
end

function Session:ping()
  if not self.link or self._phase == "greeting" then return end
  local now = self._init.now()
  self._pinged = now
  self._unanswered = self._unanswered or now
  self._token = (self._token + 1) % 4294967296
  if self._ping_count >= PINGS_MAX then self._pings, self._ping_count = {}, 0 end
  self._pings[self._token] = now
  self._ping_count = self._ping_count + 1
  self.link:send(frames.ping(self._token), true)
end

-- Several times a second.
function Session:tend()
  if not self.link or self._phase == "greeting" then return end
  local now = self._init.now()
  local silence = now - self._heard
  -- Only an unanswered ping says that the other side is gone; a late update of ours does not.
  if self._unanswered and now - self._unanswered > DEAD_MS then return self:_ended(0) end
  local due = self._ping_ms
  if self._quick > 0 then due = 100 elseif silence > SILENCE_MS then due = SILENCE_MS end
  if now - self._pinged >= due then
    if self._quick > 0 then self._quick = self._quick - 1 end
    self:ping()
  end
  if self._received > self._confirmed then self:_confirm() end
end

return session
