-- WebSocket frames (RFC 6455), both sides of them. Knows nothing of sockets.

local bit = require "bit"

local bxor, band = bit.bxor, bit.band
local char, concat = string.char, table.concat

-- The nonce of the RFC's own example and the answer to it: so the handshake can be checked without SHA-1.
local NONCE, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
local TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

local function length(n, masked)
  local mark = masked and 128 or 0
  if n < 126 then return char(mark + n) end
  if n < 65536 then return char(mark + 126, math.floor(n / 256), n % 256) end
  local bytes = {}
  for place = 8, 1, -1 do
    bytes[place] = n % 256
    n = math.floor(n / 256)
  end
  return char(mark + 127) .. char(unpack(bytes))
end

local function mask(payload, key)
  local out, m = {}, { key:byte(1, 4) }
  for at = 1, #payload, 4096 do
    local bytes = { payload:byte(at, at + 4095) }
    for n = 1, #bytes do bytes[n] = bxor(bytes[n], m[(at + n - 2) % 4 + 1]) end
    out[#out + 1] = char(unpack(bytes))
  end
  return concat(out)
end

-- A frame from a client has a key of four bytes, one from a server has none.
local function encode(opcode, payload, key)
  local head = char(128 + opcode) .. length(#payload, key ~= nil)
  if not key then return head .. payload end
  return head .. key .. mask(payload, key)
end

-- The first whole frame of `bytes` from `at`: opcode, payload, whether it is the last of its message, and where the next
-- one begins; nil when more is needed.
local function decode(bytes, at)
  local first, second = bytes:byte(at, at + 1)
  if not second then return nil end
  local n, from = band(second, 127), at + 2
  local wide = n == 126 and 2 or n == 127 and 8 or 0
  if #bytes < from + wide - 1 then return nil end
  if wide > 0 then
    n = 0
    for place = from, from + wide - 1 do n = n * 256 + bytes:byte(place) end
    from = from + wide
  end
  local key
  if second >= 128 then
    key = bytes:sub(from, from + 3)
    from = from + 4
  end
  if #bytes < from + n - 1 then return nil end
  local payload = bytes:sub(from, from + n - 1)
  if key then payload = mask(payload, key) end
  return band(first, 15), payload, first >= 128, from + n
end

return {
  TEXT = TEXT, BINARY = BINARY, CLOSE = CLOSE, PING = PING, PONG = PONG, NONCE = NONCE, ACCEPT = ACCEPT, encode = encode,
  decode = decode,
}
