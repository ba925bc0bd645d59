-- Every frame by name. Numbers and layouts are those of docs/protocol.md.

local bytes = require "airboat.bytes"
local errors = require "airboat.errors"
local msgpack = require "airboat.msgpack"

local frames = { PROTOCOL = 1 }

-- First bytes of the binary frames.
frames.SNAPSHOT, frames.PONG = 1, 4

-- First elements of the array frames a server sends.
frames.WELCOME, frames.JOINED, frames.RESUMED, frames.EVENT, frames.REPLY, frames.DOCUMENT = 16, 17, 18, 19, 20, 21
frames.HASH, frames.SAVED, frames.BYE, frames.REFUSED, frames.GONE = 22, 23, 24, 25, 26

local byte, concat, floor = string.byte, table.concat, math.floor
local u16, u32 = bytes.u16, bytes.u32

-- What the client says ------------------------------------------------------------------------------------------------

-- `resume.token` is a string of bytes.
function frames.hello(map)
  local resume = map.resume
  if resume then
    resume = {
      token = msgpack.bytes(resume.token), epoch = resume.epoch, tick = resume.tick, received = resume.received,
    }
  end
  return msgpack.array(2, 1, {
    protocol = map.protocol, client = map.client, name = map.name, device = map.device, resume = resume, join = map.join,
    debug_hash = map.debug_hash,
  })
end

-- `data` is encoded already: messages wait for their number and may be numbered again.
function frames.message(epoch, number, name, data)
  return "\149\2" .. msgpack.encode(epoch) .. msgpack.encode(number) .. msgpack.encode(name) .. data
end

function frames.call(epoch, number, call, name, data)
  return "\150\3" .. msgpack.encode(epoch) .. msgpack.encode(number) .. msgpack.encode(call) .. msgpack.encode(name) .. data
end

function frames.join(request) return msgpack.array(2, 4, request) end
function frames.leave() return "\145\5" end
function frames.received(epoch, number) return msgpack.array(3, 6, epoch, number) end
function frames.bye(reason) return msgpack.array(2, 7, reason) end

function frames.ack(epoch, tick) return "\5" .. bytes.CHAR[epoch % 256] .. u16(tick) end
function frames.ping(token) return "\3" .. u32(token) end

local out = {}

-- `newest_first`: lists of the steps of each input field, at most four of them are sent.
function frames.inputs(epoch, acked, view_eighths, newest, newest_first, fields)
  local count = math.min(#newest_first, 4)
  out[1] = "\2" .. bytes.CHAR[epoch % 256] .. u16(acked) .. u16(view_eighths) .. u16(newest) .. bytes.CHAR[count]
  local n = 1
  local newer
  for i = 1, count do
    local input = newest_first[i]
    if newer then
      local mask, bit = 0, 1
      for f = 1, fields do
        if input[f] ~= newer[f] then mask = mask + bit end
        bit = bit * 2
      end
      n = bytes.varint(out, n, mask)
    end
    for f = 1, fields do
      if not newer or input[f] ~= newer[f] then n = bytes.signed(out, n, input[f]) end
    end
    newer = input
  end
  return concat(out, "", 1, n)
end

-- What the server says ------------------------------------------------------------------------------------------------

-- The following raise codec errors on what is not of their shape.

function frames.is_u32(value)
  return type(value) == "number" and value >= 0 and value < 4294967296 and value == floor(value)
end

function frames.u32(value)
  if not frames.is_u32(value) then errors.codec("shape") end
  return value
end

function frames.text(value)
  if type(value) ~= "string" then errors.codec("shape") end
  return value
end

function frames.list(value)
  if not msgpack.is_list(value) then errors.codec("shape") end
  return value
end

function frames.map(value)
  if not msgpack.is_map(value) then errors.codec("shape") end
  return value
end

-- token, tick, age in microseconds.
function frames.read_pong(s)
  if #s ~= 13 then errors.codec(#s < 13 and "truncated" or "trailing") end
  return bytes.read_u32(s, 2), bytes.read_u32(s, 6), bytes.read_u32(s, 10)
end

-- `{kind, …}`, or nil for a frame this version does not know.
function frames.read_array(s)
  local first = byte(s, 1)
  if not first then errors.codec("truncated") end
  if first < 0x90 or first > 0x9f then return nil end
  local array = msgpack.read_array(s)
  if type(array[1]) ~= "number" then errors.codec("shape") end
  return array
end

-- The whole room as it stands.
function frames.read_joined(value)
  local map = frames.map(value)
  return {
    epoch = frames.u32(map.epoch),
    module = frames.text(map.module),
    title = frames.text(map.title),
    room = frames.text(map.room),
    player = tostring(frames.u32(map.player)),
    tick = frames.u32(map.tick),
    schema = map.schema,
    documents = frames.map(map.documents),
    snapshot = frames.text(map.snapshot),
    input = frames.u32(map.input),
    applied = frames.u32(map.applied),
    messages_lost = frames.u32(map.messages_lost),
  }
end

return frames
