-- Strings made to share a hash.
-- expect: harmless or overrun

local pad, t = ("x"):rep(64), {}
return {
  tick = function(room)
    for i = 1, 500 do t[pad .. string.format("%08d", i + room.tick * 500) .. pad] = i end
    if room.tick % 20 == 0 then t = {} end
  end,
}
