-- HTTP: one link made of many requests. One is always parked at the server until there is something to read; what we
-- send goes beside it, one request at a time, so that nothing overtakes.
--
-- Requests cannot be cancelled in the engine: answers that come after the end are ignored.

local bytes = require "airboat.bytes"
local errors = require "airboat.errors"

local http = {}

local PARK = "\1"
local NO_PARK = "\0"
local NO_TOKEN = ("\0"):rep(16)
local TRIES = 3
local PAUSE_MS = 250
-- The server holds a parked request for 20 s at most.
local POLL_LIMIT_S, SEND_LIMIT_S = 30, 10
-- Frames that may be lost and may wait: about what the inputs' repeats cover many times over.
local BACKLOG = 16

local Link = {}
Link.__index = Link
Link.transport = "http"

-- Ready at once: the hello is the first request.
function http.dial(platform, timers, url, ready)
  ready(setmetatable({
    _platform = platform, _timers = timers, _url = url, _token = NO_TOKEN, _number = 0, _queue = {}, _losable = 0,
    _greeted = false, _sending = false, _over = false,
  }, Link))
end

function Link:send(frame, may_be_lost)
  if self._over then return end
  if not self._greeted then
    self._greeted = true
    return self:_poll(self:_body(NO_PARK, bytes.framed(frame)))
  end
  local queue = self._queue
  queue[#queue + 1] = { frame = frame, may_be_lost = may_be_lost }
  if may_be_lost then
    self._losable = self._losable + 1
    if self._losable > BACKLOG then self:_shed() end
  end
  self:_flush()
end

-- Leaves out the oldest frame that may be lost.
function Link:_shed()
  for i, waiting in ipairs(self._queue) do
    if waiting.may_be_lost then
      table.remove(self._queue, i)
      self._losable = self._losable - 1
      return
    end
  end
end

function Link:_body(flags, frames)
  self._number = self._number + 1
  return self._token .. bytes.u32(self._number) .. flags .. frames
end

-- A request that fails is sent again as it was: its number makes that harmless. `taken()` follows the frames of the
-- answer. The engine answers in the name of the script that asks, as long as that lives: it must be the one that drives
-- us, and so everything is asked in an update.
function Link:_ask(body, limit, taken, tries)
  tries = tries or 1
  self._timers:after(tries == 1 and 0 or PAUSE_MS * (tries - 1), function()
    if self._over then return end
    self._platform.post(self._url, body, limit, function(status, answer)
      if self._over then return end
      if status == 200 and #answer >= 20 then
        self:_take(answer)
        if not self._over then taken() end
      elseif tries >= TRIES then
        self:_end()
      else
        self:_ask(body, limit, taken, tries + 1)
      end
    end)
  end)
end

function Link:_take(answer)
  self._token = answer:sub(1, 16)
  local each = function(frame)
    if not self._over then self.onframe(frame) end
  end
  local _, problem = errors.catch(bytes.frames, answer, 21, each)
  if problem then self:_end() end
end

function Link:_poll(body)
  self:_ask(body, POLL_LIMIT_S, function()
    local ack = self.onpoll()
    self:_flush()
    self:_poll(self:_body(PARK, ack and bytes.framed(ack) or ""))
  end)
end

function Link:_queued(all)
  local parts = {}
  for _, waiting in ipairs(self._queue) do
    if all or not waiting.may_be_lost then parts[#parts + 1] = bytes.framed(waiting.frame) end
  end
  self._queue, self._losable = {}, 0
  return table.concat(parts)
end

function Link:_flush()
  -- The token comes with the answer to the hello; frames wait for it.
  if self._sending or self._token == NO_TOKEN or #self._queue == 0 then return end
  self._sending = true
  self:_ask(self:_body(NO_PARK, self:_queued(true)), SEND_LIMIT_S, function()
    self._sending = false
    self:_flush()
  end)
end

-- The last thing that can still be said; nobody waits for the answer.
function Link:last(frame)
  if self._over or self._token == NO_TOKEN then return end
  local body = self:_body(NO_PARK, self:_queued(false) .. bytes.framed(frame))
  self._platform.post(self._url, body, SEND_LIMIT_S, function() end)
end

function Link:_end()
  if self._over then return end
  self._over = true
  self.onclosed()
end

function Link:close() self._over = true end

return http
