-- What must arrive: messages numbered from 1 in each epoch, kept until the server has saved them, and calls that wait for
-- their answer.

local errors = require "airboat.errors"
local frames = require "airboat.frames"
local msgpack = require "airboat.msgpack"

local outbox = {}

-- Messages the server has not yet said to have received. Its lane takes 64 between two ticks.
local WINDOW = 48
-- Messages kept until they are saved.
local KEPT_MAX = 1024
local BYTES_MAX = 64 * 1024
-- Head, epoch, number, call and the name's own head at their longest.
local HEAD_BYTES = 22

local Outbox = {}
Outbox.__index = Outbox

-- `send(frame)` hands a frame to the link there is.
function outbox.new(timers, send)
  return setmetatable({
    _timers = timers, _send = send, _kept = {}, _sent = 0, _received = 0, _calls = {}, _next_call = 1,
    _handed = 0, -- the last one given to the link there is
  }, Outbox)
end

-- False when too much waits already. Raises on what cannot be encoded: it takes no number.
function Outbox:push(name, data, call)
  if #self._kept >= KEPT_MAX then return false end
  -- Encoded now: the table is the caller's again when this returns.
  local encoded = msgpack.encode(data)
  if #encoded + #name + HEAD_BYTES > BYTES_MAX then
    error(("airboat: message %s is larger than 64 kB"):format(name), 0)
  end
  self._sent = self._sent + 1
  table.insert(self._kept, { number = self._sent, name = name, data = encoded, call = call })
  return true
end

-- `finish(data, err)` is called once.
function Outbox:call(name, data, timeout_ms, finish)
  local id = self._next_call
  self._next_call = id + 1
  if not self:push(name, data, id) then return finish(nil, errors.failure(errors.BUSY)) end
  local timer = self._timers:after(timeout_ms, function() self:_settle(id, nil, errors.failure(errors.TIMEOUT)) end)
  self._calls[id] = { finish = finish, timer = timer }
end

function Outbox:replied(id, ok, data)
  if ok then self:_settle(id, data)
  else self:_settle(id, nil, errors.failure(errors.FAILED, tostring(data))) end
end

function Outbox:_settle(id, data, err)
  local call = self._calls[id]
  if not call then return end
  self._calls[id] = nil
  self._timers:cancel(call.timer)
  call.finish(data, err)
end

-- Hands over what the window allows.
function Outbox:pump(epoch)
  -- A frame that is handed over may end the link, and with it this list.
  local kept = self._kept
  for i = 1, #kept do
    local message = kept[i]
    if message.number > self._handed then
      if message.number > self._received + WINDOW then break end
      self._handed = message.number
      if message.call then
        self._send(frames.call(epoch, message.number, message.call, message.name, message.data))
      else
        self._send(frames.message(epoch, message.number, message.name, message.data))
      end
    end
  end
end

-- Keeps the messages after `number`, in a list of its own.
local function after(kept, number)
  local left = {}
  for _, message in ipairs(kept) do
    if message.number > number then left[#left + 1] = message end
  end
  return left
end

function Outbox:saved(received, saved)
  self._received = math.max(self._received, received)
  if self._kept[1] and self._kept[1].number <= saved then self._kept = after(self._kept, saved) end
end

-- A new link to the same life of the room, which has these.
function Outbox:resume(received)
  if received > self._sent then errors.codec("shape") end
  self._received, self._handed = received, received
end

-- The calls that nobody will answer any more, except those still kept.
function Outbox:_drop_calls(code)
  local open, gone = {}, {}
  for _, message in ipairs(self._kept) do
    if message.call then open[message.call] = true end
  end
  for id in pairs(self._calls) do
    if not open[id] then gone[#gone + 1] = id end
  end
  table.sort(gone)
  for _, id in ipairs(gone) do self:_settle(id, nil, errors.failure(code)) end
end

-- A new life: what its state contains is done, the rest gets new numbers. Answers of what is done are lost.
function Outbox:restart(applied)
  self._kept = after(self._kept, applied)
  for i, message in ipairs(self._kept) do message.number = i end
  self._sent = #self._kept
  self._handed, self._received = 0, 0
  self:_drop_calls(errors.LOST)
end

-- Out of the room.
function Outbox:clear()
  self._kept, self._sent, self._handed, self._received = {}, 0, 0, 0
  self:_drop_calls(errors.CLOSED)
end

return outbox
