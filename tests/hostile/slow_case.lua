-- Long strings copied in C, one after the other.
-- expect: overrun or memory

local s = ("x"):rep(1e6)
return { tick = function() local all = s:rep(1) for _ = 1, 3 do all = all .. all end while true do all:upper() all:reverse() end end }
