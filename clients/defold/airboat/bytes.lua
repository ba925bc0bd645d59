-- Little-endian numbers, varints and frames with their length before them, in strings.
--
-- Everything is arithmetic: not every Lua that a game may meet has bit operations.

local errors = require "airboat.errors"

local bytes = {}

local byte, char, floor, sub = string.byte, string.char, math.floor, string.sub

-- One-byte strings, made once.
local CHAR = {}
for n = 0, 255 do CHAR[n] = char(n) end
bytes.CHAR = CHAR

function bytes.u16(n)
  n = n % 65536
  return char(n % 256, floor(n / 256))
end

function bytes.u32(n)
  n = n % 4294967296
  return char(n % 256, floor(n / 256) % 256, floor(n / 65536) % 256, floor(n / 16777216))
end

function bytes.read_u16(s, at)
  local a, b = byte(s, at, at + 1)
  if not b then errors.codec("truncated") end
  return a + b * 256
end

function bytes.read_u32(s, at)
  local a, b, c, d = byte(s, at, at + 3)
  if not d then errors.codec("truncated") end
  return a + b * 256 + c * 65536 + d * 16777216
end

-- Appends the varint of `n` (0 up to 2^32 - 1) to the list `out`, which has `count` items; returns how many it has then.
local function varint(out, count, n)
  while n >= 128 do
    count = count + 1
    out[count] = CHAR[n % 128 + 128]
    n = floor(n / 128)
  end
  out[count + 1] = CHAR[n]
  return count + 1
end
bytes.varint = varint

-- The same for a signed number, zig-zag coded.
function bytes.signed(out, count, n)
  if n < 0 then return varint(out, count, -2 * n - 1) end
  return varint(out, count, 2 * n)
end

-- Widens the low 16 bits of a tick or a number to the full one nearest `near`.
function bytes.widen(low, near)
  local difference = (low - near) % 65536
  if difference >= 32768 then difference = difference - 65536 end
  return (near + difference) % 4294967296
end

-- A frame with its length before it.
function bytes.framed(frame) return bytes.u32(#frame) .. frame end

local FRAME_MAX = 16777216

-- Calls `each` with every frame of `s` from `at` on that is whole. Returns where what is left begins, and how many bytes it
-- takes until more can be read.
function bytes.whole_frames(s, at, each)
  local length = #s
  while at + 3 <= length do
    local size = bytes.read_u32(s, at)
    if size > FRAME_MAX then errors.codec("count") end
    if at + 3 + size > length then return at, 4 + size end
    each(sub(s, at + 4, at + 3 + size))
    at = at + 4 + size
  end
  return at, 4
end

-- The same where they must fill it.
function bytes.frames(s, at, each)
  if bytes.whole_frames(s, at, each) <= #s then errors.codec("truncated") end
end

return bytes
