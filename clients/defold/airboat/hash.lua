-- Adler-32 (RFC 1950) of a room's state, to be compared with what the server says (`debug_hash`).

local msgpack = require "airboat.msgpack"

local hash = {}

local byte, floor = string.byte, math.floor
local BASE = 65521

-- Continues the sums `a` and `b` over a string.
local function text(a, b, s)
  for i = 1, #s do
    a = a + byte(s, i)
    b = b + a
    -- Far from where doubles lose ones.
    if i % 4096 == 0 then a, b = a % BASE, b % BASE end
  end
  return a % BASE, b % BASE
end

-- Four bytes, little-endian, two's complement.
local function int(a, b, n)
  n = n % 4294967296
  for _ = 1, 4 do
    a = a + n % 256
    b = b + a
    n = floor(n / 256)
  end
  return a % BASE, b % BASE
end

function hash.adler32(s)
  local a, b = text(1, 0, s)
  return b * 65536 + a
end

-- Class by class, row by row: the id, then every column.
function hash.world(world)
  local a, b = 1, 0
  for _, rows in ipairs(world.classes) do
    for row = 1, rows.count do
      a, b = int(a, b, rows.ids[row])
      for _, column in ipairs(rows.columns) do a, b = int(a, b, column[row]) end
    end
  end
  return b * 65536 + a
end

function hash.documents(state, players)
  local a, b = text(1, 0, msgpack.encode(state))
  a, b = text(a, b, msgpack.encode(players))
  return b * 65536 + a
end

return hash
